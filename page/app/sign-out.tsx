import { useState } from 'preact/hooks';
import { call, session, tellSignedOut } from '#page/api/api.ts';
import { loadUnfinished, saveUnfinished } from '#page/send/unfinished.ts';
import { t } from '#page/texts/language.ts';
import { announce } from './components/announcer.tsx';
import { Button } from './components/button.tsx';
import { mayLeaveView } from './router.ts';

/** Who signs out leaves no names of files on a computer that others may use. */
function forgetFiles(): void {
  const left = loadUnfinished(localStorage).filter(({ user }) => user !== session.value?.user);
  saveUnfinished(localStorage, left);
}

/** Ends the session here and, where the identity provider has it, there. */
export function SignOut() {
  const [isBusy, setBusy] = useState(false);
  const signOut = async () => {
    if (!mayLeaveView()) return;
    setBusy(true);
    try {
      const { to } = await call<{ to: string }>('POST', '/page/logout');
      forgetFiles();
      tellSignedOut();
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
