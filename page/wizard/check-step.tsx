/** The step in which a person sees what is wrong with the file before it is sent. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ColumnMapping } from '#api/source-format.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { announce } from '#page/app/components/announcer.tsx';
import { Button } from '#page/app/components/button.tsx';
import { Dialog } from '#page/app/components/dialog.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { ProgressBar } from '#page/app/components/progress-bar.tsx';
import type { CheckSummary } from '#page/check/protocol.ts';
import { formatBytes } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { CheckResult } from './check-result.tsx';
import { FileKind } from './file-kind.tsx';
import { FirstRows } from './first-rows.tsx';
import type { LoadedSchema } from './load-schema.ts';
import type { PickedFile } from './pick-step.tsx';
import { prepareSending } from './send-step.tsx';
import { type Check, type CheckState, useCheck } from './use-check.ts';
import { WholeFaultAlert } from './whole-fault.tsx';

export interface CheckStepProps {
  picked: PickedFile;
  schema: LoadedSchema;
  columns: ColumnMapping[];
  onColumns(): void;
  onBack(): void;
  onSend(): void;
}

export function CheckStep({ picked, schema, columns, onColumns, onBack, onSend }: CheckStepProps) {
  const request = useMemo(
    () => ({ file: picked.file, spec: schema.spec, columnTypes: schema.columnTypes, declared: { columns } }),
    [picked, schema, columns],
  );
  const check = useCheck(request);
  const { end, rows, isRunning } = check;
  useAnnouncedResult(end);
  useEffect(prepareSending, []);
  return (
    <div class="app-stack">
      <PageHeading title={t('wizard.check-heading')} />
      <p class="app-file-name">
        {t('wizard.picked', { name: picked.file.name, size: formatBytes(language.value, picked.file.size) })}
      </p>
      <FileKind format={picked.facts.format} />
      {isRunning && <Running check={check} sizeBytes={picked.file.size} />}
      {check.isStopped && (
        <Alert tone="warning" isSlim live="polite">
          {t('wizard.check-stopped')}
        </Alert>
      )}
      {end?.type === 'failed' && <WholeFaultAlert fault={end.fault} />}
      {end?.type === 'done' && <CheckResult summary={end.summary} onDuplicate={schema.spec.target.onDuplicate} />}
      {rows !== null && <FirstRows rows={rows} schema={schema} />}
      <Actions check={check} onColumns={onColumns} onBack={onBack} onSend={onSend} />
    </div>
  );
}

function Running({ check: { progress, stop }, sizeBytes }: { check: Check; sizeBytes: number }) {
  const size = formatBytes(language.value, sizeBytes);
  const text =
    progress === null
      ? undefined
      : t('wizard.checking-progress', {
          read: formatBytes(language.value, progress.bytesRead),
          size,
          records: progress.records,
          failed: progress.failed,
        });
  return (
    <>
      <ProgressBar
        label={t('wizard.checking')}
        value={progress === null ? null : Math.min(1, progress.bytesRead / Math.max(1, progress.sizeBytes))}
        {...(text === undefined ? {} : { text })}
      />
      <p>
        <Button variant="outline" onClick={stop}>
          {t('wizard.check-cancel')}
        </Button>
      </p>
    </>
  );
}

function Actions({
  check,
  onColumns,
  onBack,
  onSend,
}: { check: Check } & Pick<CheckStepProps, 'onColumns' | 'onBack' | 'onSend'>) {
  const [isAsking, setAsking] = useState(false);
  const summary = check.end?.type === 'done' ? check.end.summary : null;
  const canSend = mayBeSent(check);
  const send = () => {
    if ((summary?.failed ?? 0) > 0) setAsking(true);
    else onSend();
  };
  return (
    <>
      <div class="app-actions">
        {canSend && <Button onClick={send}>{t(summary === null ? 'wizard.send-without-check' : 'wizard.send')}</Button>}
        {summary !== null && !summary.complete && (
          <Button variant="outline" onClick={() => check.run(null)}>
            {t('wizard.check-whole')}
          </Button>
        )}
        {check.isStopped && (
          <Button variant="outline" onClick={() => check.run(null)}>
            {t('wizard.check-again')}
          </Button>
        )}
        <Button variant="outline" onClick={onColumns}>
          {t('wizard.check-change-columns')}
        </Button>
        <Button variant="outline" onClick={onBack}>
          {t('wizard.other-file')}
        </Button>
      </div>
      {isAsking && summary !== null && <AskFaults summary={summary} onSend={onSend} onBack={() => setAsking(false)} />}
    </>
  );
}

/** A file that the job runner will refuse as a whole is not sent, and neither is one without records. */
function mayBeSent({ isRunning, isStopped, end }: CheckState): boolean {
  if (isRunning) return false;
  if (end === null) return isStopped;
  if (end.type === 'failed') return end.fault.reason === 'CheckFailed';
  return end.summary.records > 0 || !end.summary.complete;
}

function AskFaults({ summary, onSend, onBack }: { summary: CheckSummary; onSend(): void; onBack(): void }) {
  return (
    <Dialog
      heading={t('wizard.ask-heading')}
      onClose={onBack}
      actions={
        <>
          <Button onClick={onSend}>{t('wizard.ask-send')}</Button>
          <Button variant="outline" onClick={onBack}>
            {t('wizard.ask-back')}
          </Button>
        </>
      }
    >
      <p>{t('wizard.ask-text', { count: summary.failed })}</p>
      {!summary.complete && <p>{t('wizard.ask-part')}</p>}
    </Dialog>
  );
}

/** The result stands above the button that somebody has pressed, so that it is read out. */
function useAnnouncedResult(end: CheckState['end']): void {
  const told = useRef<CheckState['end']>(null);
  useEffect(() => {
    if (end === null || end === told.current) return;
    told.current = end;
    if (end.type !== 'done') return;
    const { failed } = end.summary;
    announce(failed === 0 ? t('wizard.result-good') : t('wizard.result-bad', { count: failed }));
  }, [end]);
}
