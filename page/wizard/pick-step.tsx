/** The first step: a file, and what its records are. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Alert } from '#page/app/components/alert.tsx';
import { Button } from '#page/app/components/button.tsx';
import { FileInput } from '#page/app/components/file-input.tsx';
import { Loading } from '#page/app/components/loading.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { type FileFacts, inspectFile, type WholeFault } from '#page/check/protocol.ts';
import type { FileMark } from '#page/send/fingerprint.ts';
import type { Unfinished } from '#page/send/unfinished.ts';
import { formatBytes } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { lookAt, type PickFault, readDrop } from './picked-file.ts';
import { SchemaChoice } from './schema-choice.tsx';
import { UnfinishedFiles } from './unfinished-files.tsx';
import { createUnfinishedStore } from './unfinished-store.ts';
import { WholeFaultAlert } from './whole-fault.tsx';

export interface PickedFile {
  file: File;
  mark: FileMark;
  facts: FileFacts;
}

export interface PickStepProps {
  namespace: string;
  /** The file that was picked before, when the person comes back to this step. */
  picked: PickedFile | null;
  schema: string | null;
  onPicked(picked: PickedFile | null): void;
  onSchema(schema: string): void;
  onResume(file: File, unfinished: Unfinished): void;
}

type Look =
  | { at: 'nothing' }
  | { at: 'looking'; name: string }
  | { at: 'refused'; fault: PickFault }
  | { at: 'broken'; fault: WholeFault }
  | { at: 'same' | 'changed'; file: File; mark: FileMark; unfinished: Unfinished };

export function PickStep({ namespace, picked, schema, onPicked, onSchema, onResume }: PickStepProps) {
  const [look, setLook] = useState<Look>({ at: 'nothing' });
  useDropsOutside();
  const begin = useOnlyLatest();
  const inspect = async (file: File, mark: FileMark, signal: AbortSignal) => {
    setLook({ at: 'looking', name: file.name });
    const facts = await inspectFile(file, {}, signal);
    if ('reason' in facts) return setLook({ at: 'broken', fault: facts });
    setLook({ at: 'nothing' });
    onPicked({ file, mark, facts });
  };
  const pick = async (file: File) => {
    const signal = begin();
    onPicked(null);
    setLook({ at: 'looking', name: file.name });
    const found = await lookAt(file);
    if (signal.aborted) return;
    if (!found.ok) return setLook({ at: 'refused', fault: found.fault });
    const recognized = createUnfinishedStore(namespace).recognize(found.mark);
    if (recognized?.kind === 'Same') return setLook({ at: 'same', ...found, unfinished: recognized.unfinished });
    if (recognized) return setLook({ at: 'changed', ...found, unfinished: recognized.unfinished });
    await inspect(file, found.mark, signal);
  };
  const refuse = (fault: PickFault) => {
    begin();
    onPicked(null);
    setLook({ at: 'refused', fault });
  };
  return (
    <div class="app-stack">
      <PageHeading title={t('wizard.pick-heading')} />
      {look.at === 'nothing' && picked === null && <UnfinishedFiles namespace={namespace} />}
      <Drop onFile={(file) => void pick(file)} onFault={refuse}>
        <FileInput
          id="wizard-file"
          label={t('wizard.pick-label')}
          hint={t('wizard.pick-hint')}
          instructions={t('wizard.pick-instructions')}
          {...(look.at === 'refused' ? { error: faultText(look.fault) } : {})}
          {...(picked === null ? {} : { fileName: picked.file.name })}
          onPick={(file) => void pick(file)}
        />
      </Drop>
      {look.at === 'looking' && <Looking name={look.name} />}
      {look.at === 'broken' && <WholeFaultAlert fault={look.fault} />}
      {(look.at === 'same' || look.at === 'changed') && (
        <Known
          look={look}
          onResume={() => onResume(look.file, look.unfinished)}
          onAnew={() => void inspect(look.file, look.mark, begin())}
        />
      )}
      {picked !== null && look.at === 'nothing' && (
        <>
          <p class="app-file-name">
            {t('wizard.picked', { name: picked.file.name, size: formatBytes(language.value, picked.file.size) })}
          </p>
          <SchemaChoice namespace={namespace} header={picked.facts.header} chosen={schema} onGoOn={onSchema} />
        </>
      )}
    </div>
  );
}

/** A look at one file ends when another one is picked, or the step is left. @returns a function that begins a look */
function useOnlyLatest(): () => AbortSignal {
  const latest = useRef(new AbortController());
  useEffect(() => () => latest.current.abort(), []);
  return () => {
    latest.current.abort();
    latest.current = new AbortController();
    return latest.current.signal;
  };
}

function Looking({ name }: { name: string }) {
  return (
    <>
      <p role="status">{t('wizard.inspecting', { name })}</p>
      <Loading />
    </>
  );
}

/** A folder and several files look like one file to the input, so that a drop is read before the input gets it. */
function Drop(props: {
  onFile(file: File): void;
  onFault(fault: PickFault): void;
  children: preact.ComponentChildren;
}) {
  return (
    <div
      onDropCapture={(event) => {
        event.preventDefault();
        event.stopPropagation();
        const found = readDrop(event.dataTransfer!);
        if (found instanceof File) props.onFile(found);
        else props.onFault(found);
      }}
    >
      {props.children}
    </div>
  );
}

/** A browser opens a file that is dropped beside the box, and the page would be gone. */
function useDropsOutside(): void {
  useEffect(() => {
    const over = new AbortController();
    const stop = (event: Event) => event.preventDefault();
    for (const name of ['dragover', 'drop']) window.addEventListener(name, stop, { signal: over.signal });
    return () => over.abort();
  }, []);
}

interface KnownProps {
  look: Extract<Look, { at: 'same' | 'changed' }>;
  onResume(): void;
  onAnew(): void;
}

function Known({ look: { at, file, unfinished }, onResume, onAnew }: KnownProps) {
  const { name } = file;
  if (at === 'changed') {
    return (
      <Alert tone="warning" heading={t('wizard.changed-heading')} live="assertive">
        <p>{t('wizard.changed-text', { name })}</p>
        <div class="app-actions">
          <Button onClick={onAnew}>{t('wizard.same-anew')}</Button>
        </div>
      </Alert>
    );
  }
  return (
    <Alert tone="info" heading={t('wizard.same-heading')} live="polite">
      <p>{t('wizard.same-text', { name, schema: unfinished.schema })}</p>
      <div class="app-actions">
        <Button onClick={onResume}>{t('wizard.same-go-on')}</Button>
        <Button variant="outline" onClick={onAnew}>
          {t('wizard.same-anew')}
        </Button>
      </div>
    </Alert>
  );
}

function faultText(fault: PickFault): string {
  switch (fault.kind) {
    case 'Empty':
      return t('wizard.pick-empty', { name: fault.name });
    case 'Folder':
      return t('wizard.pick-folder', { name: fault.name });
    case 'Unreadable':
      return t('wizard.pick-unreadable', { name: fault.name });
    case 'TooLarge':
      return t('wizard.pick-too-large', { name: fault.name });
    case 'Many':
      return t('wizard.pick-many', { count: fault.count });
    case 'NoFile':
      return t('wizard.pick-no-file');
    default:
      throw new Error(fault satisfies never);
  }
}
