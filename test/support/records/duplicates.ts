/** Makes files with many equal keys, and a model of what each policy does with them. */
import fc from 'fast-check';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { ITEMS_SCHEMA } from '#support/database/ledger.ts';

export interface Item {
  row: number;
  /** The key is a number in one of several spellings. */
  key: string;
  /** The table refuses the value `forbidden`. */
  value: string;
}

/** The rows that the table holds before the load: value by key. */
export const STORED = new Map([
  ['3', 'old'],
  ['4', 'old'],
  ['50', 'old'],
]);

export function policySchema(options: { policy: 'Skip' | 'Update' | 'Fail'; owner: boolean }): RecordSchemaSpec {
  const { target } = ITEMS_SCHEMA;
  const columns = target.columns.filter(({ system }) => options.owner || system === undefined);
  return { ...ITEMS_SCHEMA, target: { ...target, onDuplicate: options.policy, columns } };
}

/** Makes chunks with few keys, whose spellings only a column of numbers takes for equal. */
export const numericKeys: fc.Arbitrary<Item[][]> = fc
  .tuple(
    fc.array(fc.record({ key: fc.nat(12), zeros: fc.nat(2), bad: fc.nat(9) }), { minLength: 1, maxLength: 60 }),
    fc.integer({ min: 1, max: 9 }),
  )
  .map(([records, size]) => {
    const items = records.map(({ key, zeros, bad }, i): Item => {
      const row = i + 2;
      const spelled = zeros === 0 ? String(key) : `${key}.${'0'.repeat(zeros)}`;
      return { row, key: spelled, value: bad === 0 ? 'forbidden' : `v${row}` };
    });
    const chunks: Item[][] = [];
    for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size).map(loneWhenBad));
    return chunks;
  });

/** Gives a bad record a key of its own: with an equal key in its chunk, either fault may be found first. */
function loneWhenBad(item: Item, _index: number, chunk: Item[]): Item {
  const alone = chunk.every(({ row, key }) => row === item.row || Number(key) !== Number(item.key));
  return item.value !== 'forbidden' || alone ? item : { ...item, key: String(1000 + item.row) };
}

export interface PolicyResult {
  counts: { succeeded: number; failed: number; duplicate: number; updated: number };
  /** The row numbers of the duplicates, in order. */
  lost: number[];
  refused: number[];
  /** The table's rows: value by key. */
  table: Map<string, string>;
}

/** The model reads the file from its start to its end. */
export function expectPolicy(policy: 'Skip' | 'Update' | 'Fail', items: readonly Item[]): PolicyResult {
  const table = new Map(STORED);
  const holders = new Map<string, number>();
  const refused: number[] = [];
  const lost: number[] = [];
  let updated = 0;
  for (const { row, key: spelled, value } of items) {
    const key = String(Number(spelled));
    const holder = holders.get(key);
    if (value === 'forbidden') refused.push(row);
    else if (policy === 'Update' || !table.has(key)) {
      if (holder !== undefined) lost.push(holder);
      else if (table.has(key)) updated += 1;
      holders.set(key, row);
      table.set(key, value);
    } else lost.push(row);
  }
  lost.sort((a, b) => a - b);
  const asFailed = policy === 'Fail' ? lost.length : 0;
  const succeeded = items.length - refused.length - lost.length;
  const counts = { succeeded, failed: refused.length + asFailed, duplicate: lost.length - asFailed, updated };
  return { counts, lost, refused, table };
}
