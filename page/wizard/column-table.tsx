/** The columns of a file, each with its first values and a choice of what it is. */
import { useState } from 'preact/hooks';
import { Button } from '#page/app/components/button.tsx';
import { Select } from '#page/app/components/select.tsx';
import { Table } from '#page/app/components/table.tsx';
import { t } from '#page/texts/language.ts';
import { columnErrorText, titleOf } from './column-error-text.ts';
import type { ColumnError } from './find-column-errors.ts';
import type { LoadedSchema } from './load-schema.ts';
import type { Choice, ProposedColumn } from './propose-columns.ts';

export interface ColumnTableProps {
  caption: string;
  /** The positions of the columns that are shown. */
  columns: readonly number[];
  header: readonly string[];
  schema: LoadedSchema;
  proposed: readonly ProposedColumn[];
  samples: readonly (readonly string[])[];
  choices: readonly Choice[];
  errors: readonly ColumnError[];
  choose(column: number, choice: Choice): void;
}

/** Each row has an option for every field of the schema. */
const ROWS = 50;
const SAMPLES = 3;
const IGNORE = '';

export const selectId = (column: number) => `wizard-column-${column}`;

export function ColumnTable(props: ColumnTableProps) {
  const { caption, columns, header, schema, samples } = props;
  const [most, setMost] = useState(ROWS);
  const options = [
    { value: IGNORE, label: t('wizard.columns-ignore') },
    ...schema.spec.fields.map(({ name }) => ({
      value: name,
      label: schema.required.has(name)
        ? t('wizard.columns-required', { field: titleOf(schema, name) })
        : titleOf(schema, name),
    })),
  ];
  const nameOf = (column: number) => header[column]!.trim() || t('wizard.columns-nameless');
  return (
    <>
      <Table
        caption={caption}
        rows={columns.slice(0, most)}
        keyOf={(column) => column}
        columns={[
          { heading: t('wizard.columns-column'), isRowHeader: true, cell: (column) => <bdi>{nameOf(column)}</bdi> },
          {
            heading: t('wizard.columns-samples'),
            cell: (column) => <Samples values={samples[column] ?? []} />,
          },
          {
            heading: t('wizard.columns-field'),
            cell: (column) => <ColumnChoice {...props} column={column} name={nameOf(column)} options={options} />,
          },
        ]}
      />
      {columns.length > most && (
        <p>
          <Button variant="outline" onClick={() => setMost(most + ROWS)}>
            {t('wizard.columns-more')}
          </Button>
        </p>
      )}
    </>
  );
}

function Samples({ values }: { values: readonly string[] }) {
  const shown = [...new Set(values)].filter((value) => value.trim() !== '').slice(0, SAMPLES);
  return (
    <ul class="app-first-values">
      {shown.map((value) => (
        <li key={value}>
          <bdi>{value.length > 40 ? `${value.slice(0, 40)}…` : value}</bdi>
        </li>
      ))}
    </ul>
  );
}

interface ColumnChoiceProps extends ColumnTableProps {
  column: number;
  name: string;
  options: { value: string; label: string }[];
}

function ColumnChoice({ column, name, options, header, schema, proposed, choices, errors, choose }: ColumnChoiceProps) {
  const choice = choices[column]!;
  const error = errors.find((each) => 'column' in each && each.column === column);
  const before = proposed[column]!;
  const isProposed = JSON.stringify(before.choice) === JSON.stringify(choice);
  const hint = isProposed ? hintOf(before) : undefined;
  return (
    <Select
      id={selectId(column)}
      label={t('wizard.columns-label', { name })}
      isLabelHidden
      {...(hint === undefined ? {} : { hint })}
      {...(error === undefined ? {} : { error: columnErrorText(error, header, schema) })}
      value={choice === 'ignore' ? IGNORE : choice.field}
      options={options}
      onChange={(value) => choose(column, value === IGNORE ? 'ignore' : { field: value })}
    />
  );
}

function hintOf({ reason }: ProposedColumn): string | undefined {
  if (reason === 'Before') return t('wizard.reason-before');
  return reason === 'Likeness' ? t('wizard.reason-likeness') : undefined;
}
