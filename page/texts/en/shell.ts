/** Texts of the frame around every view. */
export const shell = {
  'shell.title': 'Upload records',
  'shell.skip': 'Skip to the main content',
  'shell.navigation': 'Main navigation',
  'shell.nav-uploads': 'Uploads',
  'shell.nav-new': 'Send a file',
  'shell.nav-templates': 'Record types',
  'shell.workspace': 'Workspace',
  'shell.language': 'Language',
  'shell.signed-in-as': 'Signed in as',
  'shell.sign-out': 'Sign out',
  'shell.sign-out-failed': 'You are still signed in, because the server could not be reached. Try again.',
  'shell.loading': 'One moment, please …',
  'shell.try-again': 'Try again',
  'shell.reload': 'Load the page again',
  'shell.step': 'Step {step} of {steps}',
  'shell.step-done': 'done',
  'shell.step-open': 'not done yet',
  'shell.sign-in': 'Sign in',
  'shell.sign-in-why':
    'Here you send files with records, see what is wrong in them, and follow what happens to them. Sign in with the account of your organization.',
  'shell.signed-in': 'You are signed in',
  'shell.signed-in-what-to-do': 'Close this tab, and go on where you were in the other one. Nothing there was lost.',
  'shell.again-heading': 'Your session has ended',
  'shell.again-why':
    'Sign in again in a new tab. This page stays as it is, and goes on by itself when you have signed in.',
  'shell.again': 'Sign in again',
  'shell.again-not-now': 'Not now',
  'shell.again-other':
    '{other} has signed in, and this page belongs to {name}. Sign in as {name} to go on, or begin anew as {other}.',
  'shell.again-begin-anew': 'Begin anew as {other}',
  'shell.ends-soon': 'Your session ends at {time}. To go on without a break, sign in again now.',
  'shell.offline':
    'You are offline. What you see may be old; it is brought up to date as soon as the network is there again.',
  'shell.no-session': 'The page cannot begin',
  'shell.not-found': 'There is nothing at this address',
  'shell.no-such-page': 'The address may have been typed wrongly, or the link is old.',
  'shell.no-such-workspace':
    'There is no workspace {name}, or you may not use it. Ask the person who looks after BatchUpload in your organization.',
  'shell.to-start': 'Go to the start',
  'shell.no-code': 'A part of the page could not be loaded',
  'shell.no-code-why':
    'The network was away for a moment, or there is a newer version of the page. Load the page again.',
  'shell.defect': 'Something on this page went wrong',
  'shell.defect-what-to-do':
    'This is a mistake of the page and not yours. What you have sent is safe. Load the page again; if that does not help, give the technical details to the person who looks after BatchUpload.',
  'shell.technical': 'Technical details',
  'workspaces.heading': 'Choose a workspace',
  'workspaces.lead': 'Each workspace has its own uploads and its own types of records.',
  'workspaces.may-upload': 'You may send files here.',
  'workspaces.may-look': 'You may look at uploads here.',
  'workspaces.none': 'There is no workspace for you yet',
  'workspaces.none-what-to-do':
    'You are signed in, but you may not send files anywhere. Ask the person who looks after BatchUpload in your organization to give you the right. Your name there is {user}.',
} as const;
