/** Why a file as a whole cannot be loaded, in words for a person, with the job runner's own words below. */
import { Alert } from '#page/app/components/alert.tsx';
import type { WholeFault } from '#page/check/protocol.ts';
import { t } from '#page/texts/language.ts';
import type { TextKey } from '#page/texts/text.ts';

const TEXTS = {
  FileDamaged: 'wizard.fault-damaged',
  FormatNotSupported: 'wizard.fault-not-supported',
  FormatMismatch: 'wizard.fault-mismatch',
  HeaderMismatch: 'wizard.fault-header',
  UnterminatedQuote: 'wizard.fault-quote',
  RecordTooLong: 'wizard.fault-too-long',
  CheckFailed: 'wizard.fault-check',
  FileUnreadable: 'wizard.fault-unreadable',
} as const satisfies Record<string, TextKey>;

export function WholeFaultAlert({ fault: { reason, message } }: { fault: WholeFault }) {
  return (
    <Alert
      tone="error"
      heading={t(reason === 'CheckFailed' ? 'wizard.fault-check-heading' : 'wizard.fault-heading')}
      live="assertive"
    >
      <p>{t(TEXTS[reason as keyof typeof TEXTS] ?? 'wizard.fault-other')}</p>
      {message !== '' && <ExactWords words={message} />}
    </Alert>
  );
}

export function ExactWords({ words }: { words: string }) {
  return (
    <details class="app-details">
      <summary>{t('wizard.fault-details')}</summary>
      <p lang="en">{words}</p>
    </details>
  );
}
