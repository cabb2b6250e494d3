import { session } from '#page/api/api.ts';
import type { SignInRequest } from '#page/api/sign-in.ts';
import { t } from '#page/texts/language.ts';
import { Alert } from './components/alert.tsx';
import { Button } from './components/button.tsx';
import { Dialog } from './components/dialog.tsx';
import { SIGN_IN_AGAIN } from './routes.ts';

/** The session has ended while the person works: the page stays as it is until they have signed in in another tab. */
export function SignInDialog({ request: { otherPerson, giveUp } }: { request: SignInRequest }) {
  const name = session.value?.displayName ?? '';
  return (
    <Dialog
      heading={t('shell.again-heading')}
      onClose={giveUp}
      actions={
        <>
          <a class="usa-button" href={SIGN_IN_AGAIN} target="_blank" rel="noopener">
            {t('shell.again')}
          </a>
          {otherPerson !== null && (
            <Button variant="outline" onClick={() => location.reload()}>
              {t('shell.again-begin-anew', { other: otherPerson })}
            </Button>
          )}
          <Button variant="plain" onClick={giveUp}>
            {t('shell.again-not-now')}
          </Button>
        </>
      }
    >
      <p>{t('shell.again-why')}</p>
      {otherPerson !== null && (
        <Alert tone="warning" live="polite" isSlim>
          {t('shell.again-other', { other: otherPerson, name })}
        </Alert>
      )}
    </Dialog>
  );
}
