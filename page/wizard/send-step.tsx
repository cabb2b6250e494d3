/** The last step: the file goes to the storage, and becomes an upload. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ColumnMapping } from '#api/source-format.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { announce } from '#page/app/components/announcer.tsx';
import { Button } from '#page/app/components/button.tsx';
import { Dialog } from '#page/app/components/dialog.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { ProgressBar } from '#page/app/components/progress-bar.tsx';
import { guardLeaving } from '#page/app/router.ts';
import type { FileMark } from '#page/send/fingerprint.ts';
import type { Sending } from '#page/send/send-file.ts';
import { firstState, type SendState } from '#page/send/send-state.ts';
import type { Unfinished } from '#page/send/unfinished.ts';
import { waitOnline } from '#page/send/wait-online.ts';
import { formatBytes, formatDuration, formatPercent } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { RefusedAlert } from './refused-alert.tsx';

export interface SendStepProps {
  namespace: string;
  file: File;
  mark: FileMark;
  schema: string;
  columns: ColumnMapping[];
  resumed: Unfinished | null;
  onRegistered(upload: string): void;
  /** Back to the first step: for another file, or for another schema of a file that was sent already. */
  onPick(): void;
  onColumns(): void;
}

export function SendStep(props: SendStepProps) {
  const { file, onRegistered, onPick } = props;
  const [state, setState] = useState<SendState>(() => firstState(file.size));
  const [isAsking, setAsking] = useState(false);
  const sending = useSending(props, setState);
  useGuard(state);
  useSpokenProgress(state);
  useEffect(() => {
    if (state.phase === 'Registered') onRegistered(state.upload!);
    if (state.phase === 'Cancelled') onPick();
  }, [state.phase]);
  return (
    <div class="app-stack">
      <PageHeading title={t('send.heading')} />
      <p class="app-file-name">
        {t('wizard.picked', { name: file.name, size: formatBytes(language.value, file.size) })}
      </p>
      {state.refusal !== null && (
        <RefusedAlert
          refusal={state.refusal}
          isPut={state.isPut}
          schema={props.schema}
          onRetry={() => sending.current?.resume()}
          onPick={onPick}
          onColumns={props.onColumns}
        />
      )}
      {state.refusal === null && <Progress state={state} />}
      {state.isSilent && (
        <Alert tone="warning" heading={t('send.silent-heading')} live="polite">
          <p>{t('send.silent-text')}</p>
        </Alert>
      )}
      <Controls state={state} sending={sending} onCancel={() => setAsking(true)} />
      {isAsking && (
        <AskCancel
          onYes={() => {
            setAsking(false);
            announce(t('send.cancelled'));
            sending.current?.cancel();
          }}
          onNo={() => setAsking(false)}
        />
      )}
    </div>
  );
}

/** Uppy and the rest are fetched before they are needed, so that a network that is away then is no hindrance. */
const loadSending = () => import('./start-sending.ts');

export function prepareSending(): void {
  loadSending().catch(() => undefined);
}

function useSending(
  { namespace, file, mark, schema, columns, resumed }: SendStepProps,
  onState: (state: SendState) => void,
) {
  const sending = useRef<Sending | null>(null);
  useEffect(() => {
    const over = new AbortController();
    void persist(loadSending, over.signal).then((loaded) => {
      if (over.signal.aborted || loaded === null) return;
      sending.current = loaded.startSendingFile(namespace, { file, mark, schema, columns, resumed }, (state) => {
        if (!over.signal.aborted) onState(state);
      });
    });
    return () => {
      over.abort();
      sending.current?.leave();
    };
  }, []);
  return sending;
}

const AGAIN_MS = 3_000;

/** @returns null when the signal has aborted */
async function persist<T>(load: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
  while (!signal.aborted) {
    try {
      return await load();
    } catch {
      await waitOnline(AGAIN_MS, signal);
    }
  }
  return null;
}

const LABELS = {
  Summing: 'send.summing',
  Sending: 'send.sending',
  Paused: 'send.paused',
  Completing: 'send.completing',
  Registering: 'send.registering',
  Registered: 'send.registered',
  Refused: 'send.sending',
  Cancelled: 'send.cancelled',
} as const satisfies Record<SendState['phase'], string>;

function Progress({ state }: { state: SendState }) {
  const { phase, doneBytes, sizeBytes } = state;
  const isCounted = phase === 'Summing' || phase === 'Sending' || phase === 'Paused';
  return (
    <>
      <ProgressBar
        label={t(LABELS[phase])}
        value={isCounted ? doneBytes / sizeBytes : phase === 'Registered' ? 1 : null}
        {...(isCounted ? { text: wordsOf(state) } : {})}
      />
      <p class="usa-hint">
        {t(phase === 'Summing' ? 'send.summing-text' : phase === 'Paused' ? 'send.paused-text' : 'send.keep-open')}
      </p>
    </>
  );
}

function wordsOf({ doneBytes, sizeBytes, bytesPerSecond, secondsLeft }: SendState): string {
  const bytes = (value: number) => formatBytes(language.value, value);
  const words = [t('send.progress', { done: bytes(doneBytes), size: bytes(sizeBytes) })];
  if (bytesPerSecond !== null) words.push(t('send.speed', { speed: bytes(Math.round(bytesPerSecond)) }));
  if (secondsLeft !== null) words.push(t('send.left', { time: formatDuration(language.value, secondsLeft) }));
  return words.join(', ');
}

interface ControlsProps {
  state: SendState;
  sending: { current: Sending | null };
  onCancel(): void;
}

function Controls({ state: { phase }, sending, onCancel }: ControlsProps) {
  const isOver = phase === 'Registered' || phase === 'Registering' || phase === 'Cancelled';
  if (isOver) return null;
  return (
    <div class="app-actions">
      {phase === 'Sending' && (
        <Button variant="outline" onClick={() => sending.current?.pause()}>
          {t('send.pause')}
        </Button>
      )}
      {phase === 'Paused' && <Button onClick={() => sending.current?.resume()}>{t('send.resume')}</Button>}
      <Button variant="outline" onClick={onCancel}>
        {t('send.cancel')}
      </Button>
    </div>
  );
}

function AskCancel({ onYes, onNo }: { onYes(): void; onNo(): void }) {
  return (
    <Dialog
      heading={t('send.cancel-heading')}
      onClose={onNo}
      actions={
        <>
          <Button onClick={onNo}>{t('send.cancel-no')}</Button>
          <Button variant="danger" onClick={onYes}>
            {t('send.cancel-yes')}
          </Button>
        </>
      }
    >
      <p>{t('send.cancel-text')}</p>
    </Dialog>
  );
}

/** A file that is being sent is lost by a click on a link otherwise. */
function useGuard({ phase }: SendState): void {
  const isOver = phase === 'Registered' || phase === 'Cancelled';
  useEffect(() => (isOver ? undefined : guardLeaving(() => window.confirm(t('wizard.leave')))), [isOver]);
}

/** Who does not see the bar hears how far it is, and not more often than every five seconds. */
const SPEAK_MS = 5_000;

function useSpokenProgress(state: SendState): void {
  const last = useRef(0);
  useEffect(() => {
    const { phase, doneBytes, sizeBytes } = state;
    if (phase !== 'Sending' || Date.now() - last.current < SPEAK_MS) return;
    last.current = Date.now();
    announce(t('send.announce', { percent: formatPercent(language.value, doneBytes / sizeBytes) }));
  }, [state]);
  useEffect(() => {
    if (state.phase !== 'Sending') announce(t(LABELS[state.phase]));
  }, [state.phase]);
}
