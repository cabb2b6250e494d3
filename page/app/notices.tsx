/** What concerns the whole page: the network is away, or the session ends soon. */
import { useEffect, useState } from 'preact/hooks';
import { session } from '#page/api/api.ts';
import { formatMoment } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { Alert } from './components/alert.tsx';
import { SIGN_IN_AGAIN } from './routes.ts';

/** A person needs some minutes to come to an end. */
const WARN_MS = 10 * 60_000;
/** The longest time of a timer that browsers keep. */
const LONGEST_MS = 2 ** 31 - 1;

export function Notices() {
  const isOnline = useOnline();
  const endsSoon = useEndsSoon();
  return (
    <div class="app-notices">
      {!isOnline && (
        <Alert tone="warning" live="polite" isSlim>
          {t('shell.offline')}
        </Alert>
      )}
      {endsSoon !== null && (
        <Alert tone="info" live="polite" isSlim>
          {t('shell.ends-soon', { time: formatMoment(language.value, endsSoon) })}{' '}
          <a class="usa-link" href={SIGN_IN_AGAIN} target="_blank" rel="noopener">
            {t('shell.again')}
          </a>
        </Alert>
      )}
    </div>
  );
}

function useOnline(): boolean {
  const [isOnline, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setOnline(navigator.onLine);
    window.addEventListener('online', look);
    window.addEventListener('offline', look);
    return () => {
      window.removeEventListener('online', look);
      window.removeEventListener('offline', look);
    };
  }, []);
  return isOnline;
}

/** @returns when the session ends, if that is soon */
function useEndsSoon(): string | null {
  const [ending, setEnding] = useState<string | null>(null);
  const expiresAt = session.value?.expiresAt;
  useEffect(() => {
    setEnding(null);
    if (expiresAt === undefined) return;
    const timer = setTimeout(
      () => setEnding(expiresAt),
      Math.min(LONGEST_MS, Date.parse(expiresAt) - WARN_MS - Date.now()),
    );
    return () => clearTimeout(timer);
  }, [expiresAt]);
  return ending;
}
