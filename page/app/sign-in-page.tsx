import { t } from '#page/texts/language.ts';
import { PageHeading } from './components/page-heading.tsx';
import { signInPath } from './routes.ts';

/** Nobody is signed in. The person goes to the identity provider by a click, so that a sign-out is not undone at once. */
export function SignInPage() {
  return (
    <div class="app-card">
      <PageHeading title={t('shell.sign-in')} />
      <p>{t('shell.sign-in-why')}</p>
      <div class="app-actions">
        <a class="usa-button" href={signInPath(`${location.pathname}${location.search}`)}>
          {t('shell.sign-in')}
        </a>
      </div>
    </div>
  );
}
