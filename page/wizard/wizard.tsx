/** The way of a file from a person's disk to an upload: pick, columns, check, send. */
import { useEffect, useState } from 'preact/hooks';
import type { ColumnMapping } from '#api/source-format.ts';
import { Loading } from '#page/app/components/loading.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { StepIndicator } from '#page/app/components/step-indicator.tsx';
import { query } from '#page/app/router.ts';
import type { Unfinished } from '#page/send/unfinished.ts';
import { t } from '#page/texts/language.ts';
import { CheckStep } from './check-step.tsx';
import { ColumnsStep } from './columns-step.tsx';
import { type OpenedFile, openFile } from './open-file.ts';
import { type PickedFile, PickStep } from './pick-step.tsx';
import { type Choice, proposeAgain } from './propose-columns.ts';
import { rememberColumns } from './remembered-columns.ts';
import { SendStep } from './send-step.tsx';
import { createUnfinishedStore } from './unfinished-store.ts';

/** What is chosen when a file is sent. */
interface Chosen {
  opened: OpenedFile;
  columns: ColumnMapping[];
  /** Null when nobody had to choose: all columns fit by their names. */
  choices: Choice[] | null;
}

type Step =
  | { at: 'pick' }
  | { at: 'opening'; schema: string; error: unknown }
  | { at: 'columns'; opened: OpenedFile; choices: Choice[] | null }
  | ({ at: 'check' } & Chosen)
  | { at: 'send'; file: File; unfinished: Unfinished | null; chosen: Chosen | null };

const STEP_INDEX: Record<Step['at'], number> = { pick: 0, opening: 0, columns: 1, check: 2, send: 3 };

export interface WizardProps {
  namespace: string;
  /** Is called when the file was sent and the upload was made. @param upload its name */
  onRegistered(upload: string): void;
}

export function Wizard({ namespace, onRegistered }: WizardProps) {
  const [step, setStep] = useState<Step>({ at: 'pick' });
  const [picked, setPicked] = useState<PickedFile | null>(null);
  const [schema, setSchema] = useState(query.value.get('schema'));
  const steps = [t('wizard.step-pick'), t('wizard.step-columns'), t('wizard.step-check'), t('wizard.step-send')];
  const open = (name: string) => {
    setSchema(name);
    setStep({ at: 'opening', schema: name, error: null });
  };
  return (
    <>
      <StepIndicator steps={steps} current={STEP_INDEX[step.at]} />
      {step.at === 'pick' && (
        <PickStep
          namespace={namespace}
          picked={picked}
          schema={schema}
          onPicked={setPicked}
          onSchema={open}
          onResume={(file, unfinished) => setStep({ at: 'send', file, unfinished, chosen: null })}
        />
      )}
      {step.at === 'opening' && picked !== null && (
        <Opening
          namespace={namespace}
          picked={picked}
          schema={step.schema}
          onOpened={(opened) => setStep(afterOpening(opened))}
          onBack={() => setStep({ at: 'pick' })}
        />
      )}
      {step.at !== 'pick' && step.at !== 'opening' && <LaterSteps {...{ namespace, onRegistered, step, setStep }} />}
    </>
  );
}

/** Nobody is asked about columns that fit, by their own names or by what was chosen for such a file before. */
function afterOpening(opened: OpenedFile): Step {
  const { columns } = opened;
  return columns === null ? { at: 'columns', opened, choices: null } : { at: 'check', opened, columns, choices: null };
}

interface LaterProps extends WizardProps {
  step: Exclude<Step, { at: 'pick' | 'opening' }>;
  setStep(step: Step): void;
}

function LaterSteps({ step, setStep, ...rest }: LaterProps) {
  const toPick = () => setStep({ at: 'pick' });
  if (step.at === 'send') return <Sending {...rest} step={step} setStep={setStep} />;
  const { opened } = step;
  if (step.at === 'columns') {
    return (
      <ColumnsStep
        file={opened.picked.file}
        header={opened.header}
        schema={opened.schema}
        proposed={proposeAgain(opened.proposed, step.choices)}
        samples={opened.samples}
        onBack={toPick}
        onChosen={(columns, choices) => setStep({ at: 'check', opened, columns, choices })}
      />
    );
  }
  const { columns, choices } = step;
  return (
    <CheckStep
      picked={opened.picked}
      schema={opened.schema}
      columns={columns}
      onColumns={() => setStep({ at: 'columns', opened, choices })}
      onBack={toPick}
      onSend={() =>
        setStep({ at: 'send', file: opened.picked.file, unfinished: null, chosen: { opened, columns, choices } })
      }
    />
  );
}

function Sending({ namespace, onRegistered, step, setStep }: LaterProps & { step: Extract<Step, { at: 'send' }> }) {
  const { file, unfinished, chosen } = step;
  const mark = chosen?.opened.picked.mark ?? unfinished!.mark;
  const [known] = useState(() => unfinished ?? findUnfinished(namespace, mark));
  const schema = chosen?.opened.schema.name ?? known!.schema;
  const columns = chosen?.columns ?? known!.columns;
  const done = (upload: string) => {
    if (chosen !== null && chosen.choices !== null) {
      rememberColumns(namespace, schema, chosen.opened.header, chosen.choices);
    }
    onRegistered(upload);
  };
  return (
    <SendStep
      {...{ namespace, file, mark, schema, columns }}
      onRegistered={done}
      resumed={known}
      onPick={() => setStep({ at: 'pick' })}
      onColumns={() =>
        setStep(chosen === null ? { at: 'pick' } : { at: 'columns', opened: chosen.opened, choices: chosen.choices })
      }
    />
  );
}

/** The same bytes are in the storage already, or a part of them, though perhaps for another schema. */
function findUnfinished(namespace: string, mark: PickedFile['mark']): Unfinished | null {
  const recognized = createUnfinishedStore(namespace).recognize(mark);
  return recognized?.kind === 'Same' ? recognized.unfinished : null;
}

interface OpeningProps {
  namespace: string;
  picked: PickedFile;
  schema: string;
  onOpened(opened: OpenedFile): void;
  onBack(): void;
}

function Opening({ namespace, picked, schema, onOpened, onBack }: OpeningProps) {
  const [error, setError] = useState<unknown>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const over = new AbortController();
    setError(null);
    openFile({ namespace, picked, schema }, over.signal).then(
      (opened) => over.signal.aborted || onOpened(opened),
      (failure: unknown) => over.signal.aborted || setError(failure),
    );
    return () => over.abort();
  }, [picked, schema, tries]);
  if (error === null) return <Loading />;
  return (
    <>
      <PageHeading title={t('wizard.pick-heading')} />
      <ProblemAlert
        heading={t('wizard.schema-failed')}
        error={error}
        onRetry={() => setTries((before) => before + 1)}
      />
      <p>
        <button type="button" class="usa-button usa-button--outline" onClick={onBack}>
          {t('wizard.back')}
        </button>
      </p>
    </>
  );
}
