/** Makes the statements for one target table, once for each session. */
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { keyColumns, ownerColumns, quoteTable, STAGES } from '#runner/target/names.ts';
import type { TargetColumns } from '#runner/target/read-columns.ts';
import { keepAbsent } from './absent-fields.ts';
import { prepareQuestion } from './ask-references.ts';
import { describeMerge, type Merge, type MergeOptions, STAGE_ROW } from './merge.ts';
import { describeRecordMerge, type RecordMerge } from './merge-by-record.ts';
import { describeEachMerge, type EachMerge } from './merge-each.ts';
import { describeProbe, type Probe } from './probe.ts';
import { CREATE_REFERENCES } from './waiting-rows.ts';

export type OnDuplicate = RecordSchemaSpec['target']['onDuplicate'];

export interface Target {
  /** The quoted name; with its schema where the table has been looked at, since a trigger may change the search path. */
  table: string;
  /** pg_class.oid; null where the table has not been looked at. */
  oid: number | null;
  columns: readonly string[];
  /** The columns of the key. */
  key: readonly string[];
  copyIntoTarget: string;
  /** How rows meet rows of equal keys; null where the schema has no key, so that every row is appended. */
  byKey: ByKey | null;
  onDuplicate: OnDuplicate;
  /** In mode Validate the rows are written as always and then rolled back: none stays in the table. */
  rolledBack: boolean;
  /** Set when the load must know the upload's own rows, and the table cannot tell them; see write-by-keys.ts. */
  keys: KeyRegister | null;
}

export interface ByKey {
  merge: Merge;
  /** Takes the place of the merge where triggers may change or suppress rows. */
  recordMerge: RecordMerge;
  /** Goes on where PostgreSQL has refused one of the merges above. */
  eachMerge: EachMerge;
  probe: Probe;
}

/** An upload's keys in the ledger. They are merged like records, so that the same one of equal keys stays. */
export interface KeyRegister {
  merge: Merge;
  /** Stages the hashed keys of the records that are staged for the target, for the upload $1. */
  stage: string;
  /** Stages hashes that are known: for the upload $1 the hashes $2 and $3 of the records $4. */
  stageHashes: string;
}

export interface TargetOptions {
  /** Is no row to stay in the table? */
  rolledBack?: boolean;
  /** Fields that the file does not have. */
  absent?: ReadonlySet<string>;
  /** The columns and the key as the catalog describes them. */
  found?: Pick<TargetColumns, 'table' | 'oid' | 'identities'>;
}

export function describeTarget(
  schema: RecordSchemaSpec,
  { rolledBack = false, absent = new Set(), found }: TargetOptions = {},
): Target {
  const table = found?.table ?? quoteTable(schema.target.table);
  const columns = schema.target.columns.map(({ name }) => name);
  const { onDuplicate = 'Skip' } = schema.target;
  const key = keyColumns(schema);
  // A replaced row keeps its generated id, because other tables may refer to it.
  const uuids = schema.target.columns.filter(({ system }) => system === 'uuid').map(({ name }) => name);
  const owner = ownerColumns(schema);
  const { kept, overlays } = keepAbsent(schema, absent);
  const options = {
    ...{ table, columns, kept: [...uuids, ...kept, ...(found?.identities ?? [])], overlays },
    ...{ key, owner, onDuplicate, stage: STAGES.records },
  };
  const registersKeys = rolledBack || (onDuplicate === 'Update' && owner === null);
  const byKey = key.length > 0 ? describeByKey(options, registersKeys) : null;
  return {
    table,
    oid: found?.oid ?? null,
    columns,
    key: options.key,
    copyIntoTarget: `COPY ${table} (${columns.map(pg.escapeIdentifier).join(', ')}) FROM STDIN`,
    byKey,
    onDuplicate,
    rolledBack,
    keys: byKey && registersKeys ? describeKeys(byKey.merge, onDuplicate) : null,
  };
}

/** @throws an error for a target without a key, whose rows are never compared with others */
export function keyOf({ table, byKey }: Target): ByKey {
  if (byKey) return byKey;
  throw new Error(`${table} is loaded without a key`);
}

function describeByKey(options: MergeOptions, hashed: boolean): ByKey {
  const merge = describeMerge(options);
  const recordOptions = { ...options, staged: merge.stage, hashed };
  return {
    merge,
    recordMerge: describeRecordMerge(recordOptions),
    eachMerge: describeEachMerge(recordOptions),
    probe: describeProbe(options),
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
    stageHashes: `INSERT INTO ${merge.stage} SELECT $1, hash_1, hash_2, row, row
      FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS k (hash_1, hash_2, row)`,
  };
}

/**
 * Takes the lock that COPY takes, before any other use of the table, so that no later statement needs a stronger one.
 */
export function lockTargetSql({ table }: Target): string {
  return `LOCK TABLE ONLY ${table} IN ROW EXCLUSIVE MODE`;
}

/**
 * Creates the target's stages in a session; rows that are appended need none.
 * @throws the error of PostgreSQL, for example 42P01 when the table does not exist.
 */
export async function prepareSession(client: ClientBase, target: Target): Promise<void> {
  if (target.byKey) {
    // Both stages in one transaction: they must have the types of the same table.
    await client.query(`${target.byKey.merge.createStage}; ${target.byKey.probe.createStage}`);
    await prepareQuestion(client, target);
  }
  if (!target.keys) return;
  await client.query(target.keys.merge.createStage);
  // A chunk whose rows are tried and rolled back would make this table again and again.
  await client.query(CREATE_REFERENCES);
}
