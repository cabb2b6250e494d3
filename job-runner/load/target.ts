/** Makes the statements for one target table, once for each session. */
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Fault } from '#common/faults.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { keyColumns, ownerColumns, quoteTable, STAGES } from '#runner/target/names.ts';
import { describeMerge, type Merge, STAGE_ROW } from './merge.ts';
import { describeProbe, type Probe } from './probe.ts';
import { CREATE_REFERENCES } from './waiting-rows.ts';

export type OnDuplicate = RecordSchemaSpec['target']['onDuplicate'];

export interface Target {
  /** The quoted name. */
  table: string;
  columns: readonly string[];
  copyIntoTarget: string;
  merge: Merge;
  probe: Probe;
  onDuplicate: OnDuplicate;
  /** In mode Validate the rows are written as always and then rolled back: none stays in the table. */
  rolledBack: boolean;
  /** Set when the load must know the upload's own rows, and the table cannot tell them; see write-by-keys.ts. */
  keys: KeyRegister | null;
}

/** An upload's keys in the ledger. They are merged like records, so that the same one of equal keys stays. */
export interface KeyRegister {
  merge: Merge;
  /** Stages the hashed keys of the records that are staged for the target, for the upload $1. */
  stage: string;
}

export function describeTarget(schema: RecordSchemaSpec, { rolledBack = false } = {}): Target {
  const table = quoteTable(schema.target.table);
  const columns = schema.target.columns.map(({ name }) => name);
  const { onDuplicate = 'Skip' } = schema.target;
  const owner = ownerColumns(schema);
  // A replaced row keeps its generated id, because other tables may refer to it.
  const kept = schema.target.columns.filter(({ system }) => system === 'uuid').map(({ name }) => name);
  const options = { table, columns, kept, key: keyColumns(schema), owner, onDuplicate, stage: STAGES.records };
  const merge = describeMerge(options);
  const byKeys = rolledBack || (onDuplicate === 'Update' && owner === null);
  return {
    table,
    columns,
    copyIntoTarget: `COPY ${table} (${columns.map(pg.escapeIdentifier).join(', ')}) FROM STDIN`,
    merge,
    probe: describeProbe(options),
    onDuplicate,
    rolledBack,
    keys: byKeys ? describeKeys(merge, onDuplicate) : null,
  };
}

/**
 * PostgreSQL gives two keys the same hash whenever its index takes them for equal, whatever their type and collation.
 * With two hashes of 64 bits the chance that any two keys of a billion records are confused is 1 in 10^20.
 */
function describeKeys(records: Merge, onDuplicate: OnDuplicate): KeyRegister {
  const merge = describeMerge({
    table: 'batch_upload.batch_upload_keys',
    columns: ['batch_upload_id', 'hash_1', 'hash_2', 'row_number'],
    key: ['batch_upload_id', 'hash_1', 'hash_2'],
    owner: { uploadId: 'batch_upload_id', rowNumber: 'row_number' },
    onDuplicate,
    stage: STAGES.keys,
  });
  const key = `ROW(${records.key.join(', ')})`;
  return {
    merge,
    stage: `INSERT INTO ${merge.stage} SELECT $1, hash_record_extended(${key}, 1), hash_record_extended(${key}, 2),
      ${STAGE_ROW}, ${STAGE_ROW} FROM ${records.stage}`,
  };
}

/**
 * Reads the types of the target's columns, in the order of the columns. @returns null when a column is missing, or when
 * the role may not lock the table: a right on single columns is enough to insert, but not to lock.
 */
export async function readColumnTypes(client: ClientBase, { table, columns }: Target): Promise<ColumnType[] | null> {
  const { rows } = await client.query<ColumnType>(
    `SELECT a.atttypid::int AS oid, a.atttypmod AS modifier
     FROM unnest($2::text[]) WITH ORDINALITY AS c (name, position)
     JOIN pg_attribute a ON a.attrelid = $1::text::regclass AND a.attname = c.name AND NOT a.attisdropped
       AND has_table_privilege(a.attrelid, 'INSERT')
     ORDER BY c.position`,
    [table, columns],
  );
  return rows.length === columns.length ? rows : null;
}

/**
 * Takes the lock that COPY takes, before any other use of the table, so that no later statement needs a stronger one.
 */
export function lockTargetSql({ table }: Target): string {
  return `LOCK TABLE ONLY ${table} IN ROW EXCLUSIVE MODE`;
}

/** Every transaction runs this statement; it is named, so that PostgreSQL plans it once for each session. */
const SAME_TYPES = {
  name: 'batch_upload_same_types',
  text: `SELECT count(*)::int AS same FROM unnest($3::text[], $4::int[], $5::int[]) AS c (name, oid, modifier),
      unnest(ARRAY[$1::text::regclass, $2::text::regclass]) AS t (id)
    JOIN LATERAL (SELECT atttypid, atttypmod, attname FROM pg_attribute WHERE attrelid = t.id) a ON true
    WHERE a.attname = c.name AND a.atttypid = c.oid::oid AND a.atttypmod = c.modifier`,
};

/**
 * Checks that the columns of the locked target and of the session's stage have the types that rows were prepared for.
 * PostgreSQL would take the bytes of an integer for a date without an error, and a stage with the old types would round
 * or refuse values that the table accepts.
 * @throws Fault DB_TARGET_CHANGED
 */
export async function expectColumnTypes(
  client: ClientBase,
  { table, columns, merge }: Target,
  expected: readonly ColumnType[],
): Promise<void> {
  const oids = expected.map(({ oid }) => oid);
  const modifiers = expected.map(({ modifier }) => modifier);
  const { rows } = await client.query<{ same: number }>({
    ...SAME_TYPES,
    values: [table, merge.stage, columns, oids, modifiers],
  });
  if (rows[0]!.same === 2 * columns.length) return;
  throw new Fault({
    code: 'DB_TARGET_CHANGED',
    category: 'retryable',
    restart: true,
    reason: 'DatabaseError',
    message: `The columns of ${table} were changed while records were prepared for them. The records are prepared again.`,
  });
}

/**
 * Creates the target's stages in a session.
 * @throws the error of PostgreSQL, for example 42P01 when the table does not exist.
 */
export async function prepareSession(client: ClientBase, target: Target): Promise<void> {
  await client.query(target.merge.createStage);
  if (!target.keys) return;
  await client.query(target.keys.merge.createStage);
  // A chunk whose rows are tried and rolled back would make this table again and again.
  await client.query(CREATE_REFERENCES);
}
