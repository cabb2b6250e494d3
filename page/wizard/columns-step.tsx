/** The step for columns whose names the schema does not know: a person says what each one is. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ColumnMapping } from '#api/source-format.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { Button } from '#page/app/components/button.tsx';
import { ErrorSummary } from '#page/app/components/error-summary.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { t } from '#page/texts/language.ts';
import { columnErrorText } from './column-error-text.ts';
import { ColumnTable, selectId } from './column-table.tsx';
import { toMapping } from './columns.ts';
import { findColumnErrors } from './find-column-errors.ts';
import type { LoadedSchema } from './load-schema.ts';
import type { Choice, ProposedColumn } from './propose-columns.ts';
import { readSamples } from './sample-values.ts';

export interface ColumnsStepProps {
  file: File;
  header: readonly string[];
  schema: LoadedSchema;
  proposed: readonly ProposedColumn[];
  /** The first values of each column. */
  samples: readonly (readonly string[])[];
  onBack(): void;
  onChosen(columns: ColumnMapping[], choices: Choice[]): void;
}

export function ColumnsStep({ file, header, schema, proposed, samples, onBack, onChosen }: ColumnsStepProps) {
  const [choices, setChoices] = useState(() => proposed.map(({ choice }) => choice));
  const [isAsked, setAsked] = useState(0);
  const [shown, setShown] = useState(samples);
  // Nobody has read the first values of a file whose columns fit by their names.
  useEffect(() => {
    if (samples.every((values) => values.length === 0)) void readSamples(file, header).then(setShown);
  }, []);
  const errors = useMemo(() => findColumnErrors(header, schema.spec, choices), [header, schema, choices]);
  // What is clear by its name is not in the way of what is to be decided.
  const [open, known] = useMemo(() => split(proposed), [proposed]);
  const choose = (column: number, choice: Choice) =>
    setChoices((before) => before.map((each, i) => (i === column ? choice : each)));
  const firstOpen = selectId(open[0] ?? known[0] ?? 0);
  const goOn = () => {
    if (errors.length === 0) onChosen(toMapping(header, schema.spec, choices), choices);
    else setAsked((before) => before + 1);
  };
  const table = { header, schema, proposed, samples: shown, choices, errors, choose };
  return (
    <div class="app-stack">
      <PageHeading title={t('wizard.columns-heading')} />
      <p>{t('wizard.columns-text', { schema: schema.name })}</p>
      {isAsked > 0 && errors.length > 0 && (
        <ErrorSummary
          key={isAsked}
          heading={t('wizard.columns-errors')}
          errors={errors.map((error) => ({
            text: columnErrorText(error, header, schema),
            fieldId: 'column' in error ? selectId(error.column) : firstOpen,
          }))}
        />
      )}
      {open.length > 0 && <ColumnTable {...table} caption={t('wizard.columns-open')} columns={open} />}
      {known.length > 0 && <KnownColumns {...table} columns={known} isOpen={open.length === 0} />}
      {(isAsked === 0 || errors.length === 0) && (
        <State errors={errors.map((error) => columnErrorText(error, header, schema))} />
      )}
      <div class="app-actions">
        <Button onClick={goOn}>{t('wizard.go-on')}</Button>
        <Button variant="outline" onClick={onBack}>
          {t('wizard.back')}
        </Button>
      </div>
    </div>
  );
}

/** The rows of columns that are clear are drawn when somebody looks at them. */
function KnownColumns({
  isOpen: opens,
  ...table
}: Omit<Parameters<typeof ColumnTable>[0], 'caption'> & { isOpen: boolean }) {
  const [isOpen, setOpen] = useState(opens);
  const count = table.columns.length;
  return (
    <details class="app-details" open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{t('wizard.columns-known', { count })}</summary>
      {isOpen && <ColumnTable {...table} caption={t('wizard.columns-known', { count })} />}
    </details>
  );
}

/** Says as soon as something is chosen what is still missing. */
function State({ errors }: { errors: string[] }) {
  return (
    <div role="status">
      {errors.length === 0 ? (
        <Alert tone="success" isSlim>
          {t('wizard.columns-complete')}
        </Alert>
      ) : (
        <Alert tone="warning" isSlim>
          {errors.slice(0, 3).map((error) => (
            <p key={error}>{error}</p>
          ))}
        </Alert>
      )}
    </div>
  );
}

function split(proposed: readonly ProposedColumn[]): [open: number[], known: number[]] {
  const open: number[] = [];
  const known: number[] = [];
  for (const [column, { reason }] of proposed.entries()) (reason === 'Name' ? known : open).push(column);
  return [open, known];
}
