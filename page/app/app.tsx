/** The whole page: who is signed in, the frame, and the view that the address names. */
import { useEffect, useState } from 'preact/hooks';
import { followSignIns, loadSession, session, signInRequest, tellSignedIn } from '#page/api/api.ts';
import { ProblemError } from '#page/api/problem-error.ts';
import { t } from '#page/texts/language.ts';
import { Announcer } from './components/announcer.tsx';
import { Loading } from './components/loading.tsx';
import { PageHeading } from './components/page-heading.tsx';
import { ProblemAlert } from './components/problem-alert.tsx';
import { CurrentView } from './current-view.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { Header } from './header.tsx';
import { Notices } from './notices.tsx';
import { isGuarded, route } from './router.ts';
import { SignInDialog } from './sign-in-dialog.tsx';
import { SignInPage } from './sign-in-page.tsx';

export function App() {
  return (
    <div class="app-page">
      <a class="usa-skipnav" href="#main">
        {t('shell.skip')}
      </a>
      <Header />
      <Notices />
      <main id="main" class="app-main" tabIndex={-1}>
        <ErrorBoundary>
          <SignedIn />
        </ErrorBoundary>
      </main>
      {signInRequest.value !== null && <SignInDialog request={signInRequest.value} />}
      <Announcer />
    </div>
  );
}

/** The view, as soon as it is known who looks at it. */
function SignedIn() {
  const [refusal, setRefusal] = useState<unknown>(null);
  const load = () => {
    setRefusal(null);
    loadSession().then(tellSignedIn, setRefusal);
  };
  useEffect(load, []);
  // What was shown is no longer for whoever sits here. A file that is being sent waits for the next sign-in instead.
  useEffect(() => followSignIns(() => isGuarded() || location.reload()), []);

  if (session.value !== null) return <CurrentView key={JSON.stringify(route.value)} route={route.value} />;
  if (refusal === null) return <Loading />;
  if (refusal instanceof ProblemError && refusal.status === 401) return <SignInPage />;
  return (
    <div class="app-stack">
      <PageHeading title={t('shell.no-session')} />
      <ProblemAlert heading={t('shell.no-session')} error={refusal} onRetry={load} />
    </div>
  );
}
