/** The tables that the contestants fill, with the schemas that ours fills them by. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { withClient } from '#support/database/database.ts';
import { COUNTIES, UNKNOWN_COUNTY } from '#support/records/certifications.ts';
import { CERTIFICATIONS_SQL, exampleSchema, readSchema } from '#support/runner/runner.ts';
import type { Constraint } from './names.ts';

export interface BenchTarget {
  name: 'certification' | 'flat';
  table: string;
  schema: RecordSchemaSpec;
  /** The file of the schema. */
  schemaPath: string;
  /** The format of COPY that the table's columns allow ours to use. */
  format: 'binary' | 'text';
  sql: string;
}

export const TARGETS: Record<BenchTarget['name'], BenchTarget> = {
  certification: {
    name: 'certification',
    table: 'certifications',
    schema: exampleSchema('certifications'),
    schemaPath: fileURLToPath(new URL('../../crds/examples/recordschema-certifications.yaml', import.meta.url)),
    format: 'binary',
    sql: CERTIFICATIONS_SQL,
  },
  flat: {
    name: 'flat',
    table: 'flat',
    schema: readSchema(new URL('flat.yaml', import.meta.url)),
    schemaPath: fileURLToPath(new URL('flat.yaml', import.meta.url)),
    format: 'binary',
    sql: readFileSync(new URL('flat.sql', import.meta.url), 'utf8'),
  },
};

export type Policy = RecordSchemaSpec['target']['onDuplicate'];

export function certificationsBy(policy: Policy): BenchTarget {
  const { schema, ...target } = TARGETS.certification;
  return { ...target, schema: { ...schema, target: { ...schema.target, onDuplicate: policy } } };
}

/** Ours has no binary encoding for an enumerated type, so that ours loads this table in COPY's text format. */
export function certificationsInText(): BenchTarget {
  const { sql, ...target } = TARGETS.certification;
  const enumerated = sql.replace(/(certification_type +)text/, '$1certification_kind');
  if (enumerated === sql) throw new Error('the column certification_type has another type than text');
  const type = "CREATE TYPE certification_kind AS ENUM ('new_application', 'recertification');";
  return { ...target, format: 'text', sql: `${type}\n${enumerated}` };
}

/** The flat table refuses every record whose county is {@link UNKNOWN_COUNTY}. */
export function flatThatRefuses(by: Constraint): BenchTarget {
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const constraint = {
    'foreign key': `
      CREATE TABLE counties (name text PRIMARY KEY);
      INSERT INTO counties VALUES ${COUNTIES.map((county) => `(${quote(county)})`).join(', ')};
      ANALYZE counties;
      ALTER TABLE flat ADD FOREIGN KEY (county) REFERENCES counties;`,
    check: `ALTER TABLE flat ADD CHECK (county <> ${quote(UNKNOWN_COUNTY)});`,
  }[by];
  return { ...TARGETS.flat, sql: `${TARGETS.flat.sql}\n${constraint}` };
}

/** Columns of the rows for other loaders. A person's file has no ids and leaves them to the table's default. */
export function columnsOf({ schema }: BenchTarget, { ids = false } = {}): string[] {
  return schema.target.columns.filter(({ system }) => ids || system !== 'uuid').map(({ name }) => name);
}

/** What is in the table, and whose it is. */
export interface Stored {
  rows: number;
  /** Rows that the uploads wrote; null for a table without a column for the upload's id. */
  owned: number | null;
  /** The sum of the row numbers; null for a table without a column for them. */
  rowSum: number | null;
}

/** Tells by one query how many rows are stored, how many of them are those of the uploads, and which ones they are. */
export async function readStored(url: string, { table, schema }: BenchTarget, ids: readonly string[]): Promise<Stored> {
  const columnOf = (system: string) => schema.target.columns.find((column) => column.system === system)?.name;
  const [owner, row] = [columnOf('uploadId'), columnOf('rowNumber')];
  const owned = owner ? `count(*) FILTER (WHERE ${owner} = ANY($1::uuid[]))::float8` : 'NULL';
  const rowSum = row ? `coalesce(sum(${row}), 0)::float8` : 'NULL';
  const { rows } = await withClient(url, (client) =>
    client.query<Stored>(
      `SELECT count(*)::float8 AS rows, ${owned} AS owned, ${rowSum} AS "rowSum" FROM ${table}`,
      owner ? [ids] : [],
    ),
  );
  return rows[0]!;
}

/**
 * Tells whether two sets of rows are the same. The fingerprint of rows is the sum of their hashes, so that the order of
 * the rows does not matter, and that the fingerprints of two pieces add up to that of the whole.
 */
export async function readFingerprint(
  url: string,
  from: string,
  columns: readonly string[],
): Promise<{ rows: number; fingerprint: bigint }> {
  const { rows } = await withClient(url, (client) =>
    client.query<{ rows: number; fingerprint: string }>(
      `SELECT count(*)::float8 AS rows, coalesce(sum(hashtextextended(ROW(${columns.join(', ')})::text, 0)), 0) AS fingerprint
       FROM ${from}`,
    ),
  );
  return { rows: rows[0]!.rows, fingerprint: BigInt(rows[0]!.fingerprint) };
}

export async function countRows(url: string, target: BenchTarget): Promise<number> {
  return (await readStored(url, target, [])).rows;
}
