import { useEffect } from 'preact/hooks';
import { tellSignedIn } from '#page/api/api.ts';
import { t } from '#page/texts/language.ts';
import { ButtonLink } from './components/button.tsx';
import { PageHeading } from './components/page-heading.tsx';
import { routes } from './routes.ts';

/** The end of a sign-in in a tab of its own: the tab in which the person works goes on, and this one closes. */
export function SignedInPage() {
  useEffect(() => {
    tellSignedIn();
    // A browser closes only a tab that a page has opened; else the text says what to do.
    window.close();
  }, []);
  return (
    <div class="app-card">
      <PageHeading title={t('shell.signed-in')} />
      <p>{t('shell.signed-in-what-to-do')}</p>
      <div class="app-actions">
        <ButtonLink href={routes.home()} variant="outline">
          {t('shell.to-start')}
        </ButtonLink>
      </div>
    </div>
  );
}
