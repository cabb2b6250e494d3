import type { ComponentChildren, Key } from 'preact';

export interface TableColumn<Row> {
  heading: string;
  cell(row: Row): ComponentChildren;
  /** Numbers stand below each other, at the right. */
  isNumeric?: boolean;
  /** The cell names its row. */
  isRowHeader?: boolean;
}

export interface TableProps<Row> {
  caption: string;
  /** Shows the caption to screen readers only, where a heading above says the same. */
  isCaptionHidden?: boolean;
  columns: TableColumn<Row>[];
  rows: readonly Row[];
  keyOf(row: Row, index: number): Key;
  /** How a narrow screen shows the table: each row as a card (the default), or the table with a scroll bar of its own. */
  narrow?: 'cards' | 'scroll';
}

/** Browsers forget the roles of a table whose cells are drawn as blocks, so that the roles are said again. */
const ROLES = {
  table: { role: 'table' },
  rowgroup: { role: 'rowgroup' },
  row: { role: 'row' },
  columnheader: { role: 'columnheader' },
  rowheader: { role: 'rowheader' },
  cell: { role: 'cell' },
} as const;

export function Table<Row>({ caption, isCaptionHidden, columns, rows, keyOf, narrow = 'cards' }: TableProps<Row>) {
  const table = (
    <table
      class={`usa-table usa-table--borderless app-table${narrow === 'cards' ? ' app-table--cards' : ''}`}
      {...ROLES.table}
    >
      <caption class={isCaptionHidden ? 'usa-sr-only' : undefined}>{caption}</caption>
      <thead {...ROLES.rowgroup}>
        <tr {...ROLES.row}>
          {columns.map(({ heading, isNumeric }) => (
            <th key={heading} {...ROLES.columnheader} scope="col" class={isNumeric ? 'app-table__number' : undefined}>
              {heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody {...ROLES.rowgroup}>
        {rows.map((row, index) => (
          <tr key={keyOf(row, index)} {...ROLES.row}>
            {columns.map((column) => (
              <Cell key={column.heading} column={column} row={row} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
  if (narrow === 'cards') return table;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls by the keyboard must be able to reach what scrolls
    <section class="app-scroll" tabIndex={0} aria-label={caption}>
      {table}
    </section>
  );
}

function Cell<Row>({ column: { heading, cell, isNumeric, isRowHeader }, row }: { column: TableColumn<Row>; row: Row }) {
  const className = isNumeric ? 'app-table__number' : undefined;
  return isRowHeader ? (
    <th {...ROLES.rowheader} scope="row" data-label={heading} class={className}>
      {cell(row)}
    </th>
  ) : (
    <td {...ROLES.cell} data-label={heading} class={className}>
      {cell(row)}
    </td>
  );
}
