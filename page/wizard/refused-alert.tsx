/** Why a file was not sent or not registered, and what the person can do. */
import { Alert } from '#page/app/components/alert.tsx';
import { Button } from '#page/app/components/button.tsx';
import type { Refusal, RefusalKind } from '#page/send/refusal.ts';
import { t } from '#page/texts/language.ts';
import { ExactWords } from './whole-fault.tsx';

export interface RefusedAlertProps {
  refusal: Refusal;
  /** The bytes are in the storage. */
  isPut: boolean;
  schema: string;
  onRetry(): void;
  onPick(): void;
  onColumns(): void;
}

const TEXTS = {
  FileChanged: 'send.refused-file-changed',
  FileName: 'send.refused-file-name',
  PlaceGone: 'send.refused-place-gone',
  Schema: 'send.refused-schema',
  Columns: 'send.refused-columns',
  StorageClosed: 'send.refused-storage-closed',
  Storage: 'send.refused-storage',
  SignedOut: 'send.refused-signed-out',
  Forbidden: 'send.refused-forbidden',
  Other: 'send.refused-other',
} as const satisfies Record<RefusalKind, string>;

/** The same file again, or another one, is picked in the first step. */
const NEEDS_FILE: ReadonlySet<RefusalKind> = new Set(['FileChanged', 'FileName']);

export function RefusedAlert({
  refusal: { kind, detail },
  isPut,
  schema,
  onRetry,
  onPick,
  onColumns,
}: RefusedAlertProps) {
  return (
    <Alert
      tone="error"
      heading={t(isPut ? 'send.refused-registration-heading' : 'send.refused-heading')}
      live="assertive"
    >
      <p>{t(TEXTS[kind], { schema })}</p>
      {isPut && <p>{t('send.put-kept')}</p>}
      {detail !== '' && <ExactWords words={detail} />}
      <div class="app-actions">
        {!NEEDS_FILE.has(kind) && <Button onClick={onRetry}>{t('send.try-again')}</Button>}
        {kind === 'Schema' && (
          <Button variant="outline" onClick={onPick}>
            {t('send.choose-schema')}
          </Button>
        )}
        {kind === 'Columns' && (
          <Button variant="outline" onClick={onColumns}>
            {t('send.choose-columns')}
          </Button>
        )}
        {NEEDS_FILE.has(kind) && <Button onClick={onPick}>{t('wizard.other-file')}</Button>}
      </div>
    </Alert>
  );
}
