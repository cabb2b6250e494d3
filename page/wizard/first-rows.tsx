/** The first records as they will be stored, with the faults of those that will not. */
import { Table } from '#page/app/components/table.tsx';
import type { CheckEvent, ShownRow } from '#page/check/protocol.ts';
import { formatNumber } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { titleOf } from './column-error-text.ts';
import type { LoadedSchema } from './load-schema.ts';

/** Characters of a value that are shown, and of a value that stays on one line. */
const MOST = 120;
const SHORT = 24;

export interface FirstRowsProps {
  rows: Extract<CheckEvent, { type: 'rows' }>;
  schema: LoadedSchema;
}

export function FirstRows({ rows: { fields, rows }, schema }: FirstRowsProps) {
  if (rows.length === 0) return null;
  const hasFaults = rows.some(({ faults }) => faults.length > 0);
  return (
    <Table
      caption={t('wizard.rows-heading')}
      narrow="scroll"
      rows={rows}
      keyOf={({ rowNumber }) => rowNumber}
      columns={[
        {
          heading: t('wizard.rows-row'),
          isRowHeader: true,
          cell: ({ rowNumber }) => formatNumber(language.value, rowNumber),
        },
        ...fields.map((field, i) => ({
          heading: titleOf(schema, field),
          cell: ({ values }: ShownRow) => <Value value={values[i] ?? null} />,
        })),
        ...(hasFaults ? [{ heading: t('wizard.rows-faults'), cell: (row: ShownRow) => <Faults row={row} /> }] : []),
      ]}
    />
  );
}

function Value({ value }: { value: string | null }) {
  if (value === null) return <span class="app-no-value">{t('wizard.rows-empty')}</span>;
  const isShort = value.length <= SHORT;
  return (
    <bdi class={isShort ? 'app-value app-value--short' : 'app-value'}>
      {value.length > MOST ? `${value.slice(0, MOST)}…` : value}
    </bdi>
  );
}

function Faults({ row: { faults } }: { row: ShownRow }) {
  return (
    <ul class="usa-list usa-list--unstyled">
      {faults.map(({ code, field, message }) => (
        <li key={`${code} ${field ?? ''}`} lang="en">
          {message}
        </li>
      ))}
    </ul>
  );
}
