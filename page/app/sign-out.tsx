import { useState } from 'preact/hooks';
import { call } from '#page/api/api.ts';
import { t } from '#page/texts/language.ts';
import { announce } from './components/announcer.tsx';
import { Button } from './components/button.tsx';
import { mayLeaveView } from './router.ts';

/** Ends the session here and, where the identity provider has it, there. */
export function SignOut() {
  const [isBusy, setBusy] = useState(false);
  const signOut = async () => {
    if (!mayLeaveView()) return;
    setBusy(true);
    try {
      const { to } = await call<{ to: string }>('POST', '/page/logout');
      location.assign(to);
    } catch {
      announce(t('shell.sign-out-failed'));
      setBusy(false);
    }
  };
  return (
    <Button variant="plain" isBusy={isBusy} onClick={() => void signOut()}>
      {t('shell.sign-out')}
    </Button>
  );
}
