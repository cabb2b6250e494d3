/** Texts of signing in and out, which the gateway shows by itself. */
export const session = {
  'session.notSignedIn': 'You are not signed in',
  'session.signIn': 'Sign in',
  'session.notBegun':
    'This sign-in did not begin in this browser, was finished already, or took longer than 10 minutes. Nothing was changed. Sign in once more.',
  'session.refused':
    '{issuer} did not sign you in, or you stopped. Nothing was changed. Sign in once more, or ask your administrator whether you may use this page.',
  'session.notOurs':
    'The answer of {issuer} does not belong to this sign-in, or was used already. Nothing was changed. Sign in once more.',
  'session.noPerson':
    'You are known to {issuer}, but this page cannot take what it says about you. Show this to your administrator: {detail}',
  'session.tooManyNames':
    'You are a member of so many groups that this page cannot keep their names. Ask your administrator to let {issuer} tell this page only the groups that it needs.',
  'session.tooOften': 'You have signed in very often within a short time. Wait for a minute, and sign in once more.',
  'session.providerAway':
    'This page cannot reach {issuer}, where you sign in. Nothing was changed. Try again in a minute. If this goes on, tell your administrator.',
  'session.signedOut': 'You are signed out',
  'session.signedOutHere': 'Close the other tabs of this page if somebody else uses this computer.',
  'session.signOutThere': 'Sign out of the identity provider too',
  'session.stillSignedIn': 'You are still signed in',
  'session.notSignedOut':
    'The end of your session could not be stored, so that it goes on. Go back and sign out once more in a minute. If this goes on, tell your administrator.',
  'session.formOfAnother':
    'This form belongs to another session, or came from another site. Nothing was changed. Go back, load the page again, and sign out there.',
  'session.notBuilt': 'The page is not there',
  'session.notBuiltWhy':
    'The gateway runs, but the staff page was not built into it. Tell your administrator: the folder page/dist must hold the page that `vite build page` makes.',
} as const;
