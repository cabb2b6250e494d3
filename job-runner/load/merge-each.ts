/**
 * Merges staged rows one by one where PostgreSQL has refused to merge all of them: one call of the server tries each row
 * in the order of the file, under a savepoint of its own, and keeps what the table takes. The result is what each record
 * would give that is written alone.
 *
 * PL/pgSQL does not say everything about an error that a driver is told, such as the routine of the server. So the errors
 * are told apart by their kind, which holds no value of a record: SQLSTATE, column, constraint, and the place in a
 * function. A row that meets an error of a kind that is new ends the call. That row is tried once more, so that the
 * error itself reaches the driver and says whether a record can be at fault, and the next call goes on behind the row.
 */
import type { ClientBase, DatabaseError } from 'pg';
import pg from 'pg';
import { RESTORE_SETTINGS_SQL } from '#ledger/connection/postgres.ts';
import { STAGE_ROW } from './merge.ts';
import {
  addOutcome,
  emptyResult,
  IS_PLAIN,
  mergeOne,
  OUTCOME,
  type Outcome,
  type RecordMergeOptions,
  type RecordMergeResult,
  STAGED,
  variables,
} from './merge-by-record.ts';
import { attempt, RowsSuppressed } from './savepoints.ts';

export interface EachMerge {
  createFunction: string;
  /**
   * Merges the rows behind row $2 for upload $1, until a row meets an error whose kind is not in the list $3. Without a
   * list the next row alone is merged, and its error is thrown. The last row of the result has the number of rows tried;
   * rows that were simply written are left out, unless the hashes of keys are needed.
   */
  run: string;
  /** The first error of each kind that a row has met. */
  kinds: Map<string, DatabaseError>;
}

export interface EachMergeResult extends RecordMergeResult {
  refused: { rowNumber: number; error: DatabaseError }[];
}

const FUNCTION = 'pg_temp.batch_upload_merge_each';
/** A trigger may raise any number of SQLSTATEs. */
const MOST_KINDS = 200;
const REFUSAL = '"the refusal"';
const TRIED = '"rows tried"';
const [STATE, COLUMN, CONSTRAINT, CONTEXT, MESSAGE] = ['state', 'column', 'constraint', 'context', 'message'].map(
  (name) => pg.escapeIdentifier(`${name} of the error`),
);
/** Triggers may have changed these settings for the rows behind. Comparing is much cheaper than setting all of them again. */
const SETTINGS = `concat_ws(',', current_user, ${['search_path', 'client_encoding', 'datestyle', 'timezone']
  .concat('standard_conforming_strings', 'lc_monetary', 'intervalstyle', 'array_nulls', 'extra_float_digits')
  .concat('statement_timeout', 'lock_timeout')
  .map((name) => `current_setting('${name}')`)
  .join(', ')})`;

/** The message of 0A000 says whether a trigger has moved the record to another partition. */
const KIND = `concat_ws('|', ${STATE}, ${COLUMN}, ${CONSTRAINT}, CASE ${STATE} WHEN '0A000' THEN ${MESSAGE} END,
  CASE WHEN starts_with(${CONTEXT}, 'PL/pgSQL function ') THEN split_part(${CONTEXT}, E'\\n', 1) END)`;

export function describeEachMerge(options: RecordMergeOptions): EachMerge {
  const { staged, hashed } = options;
  // PostgreSQL leaves assertions and cancelled queries out of OTHERS.
  return {
    createFunction: `CREATE FUNCTION ${FUNCTION}(uuid, bigint, text[]) RETURNS SETOF json LANGUAGE plpgsql AS ${pg.escapeLiteral(`
      #variable_conflict use_column
      DECLARE ${variables(options)}; ${REFUSAL} text; ${STATE} text; ${COLUMN} text; ${CONSTRAINT} text; ${CONTEXT} text; ${MESSAGE} text;
        "the settings" text := ${SETTINGS}; ${TRIED} bigint := 0;
      BEGIN
        FOR ${STAGED} IN SELECT * FROM ${staged} WHERE ${STAGE_ROW} > $2 ORDER BY ${STAGE_ROW} LOOP
          IF ${SETTINGS} <> "the settings" THEN EXECUTE ${pg.escapeLiteral(RESTORE_SETTINGS_SQL)}; END IF;
          ${REFUSAL} := NULL;
          BEGIN
            ${mergeOne(options)}
            SET CONSTRAINTS ALL IMMEDIATE;
          EXCEPTION WHEN OTHERS OR assert_failure THEN
            IF $3 IS NULL THEN RAISE; END IF;
            GET STACKED DIAGNOSTICS ${STATE} = RETURNED_SQLSTATE, ${COLUMN} = COLUMN_NAME, ${CONSTRAINT} = CONSTRAINT_NAME,
              ${CONTEXT} = PG_EXCEPTION_CONTEXT, ${MESSAGE} = MESSAGE_TEXT;
            ${REFUSAL} := ${KIND};
          END;
          ${TRIED} := ${TRIED} + 1;
          IF ${hashed} OR ${REFUSAL} IS NOT NULL OR (${IS_PLAIN}) IS NOT TRUE THEN
            RETURN NEXT json_build_object(${OUTCOME}, 'refusal', ${REFUSAL});
          END IF;
          EXIT WHEN $3 IS NULL OR ${REFUSAL} IS NOT NULL AND ${REFUSAL} <> ALL ($3);
        END LOOP;
        RETURN NEXT json_build_object('tried', ${TRIED});
      END`)}`,
    run: `SELECT ${FUNCTION}($1, $2, $3) AS outcome`,
    kinds: new Map(),
  };
}

type EachOutcome = Outcome & { refusal: string | null };

/**
 * Merges all staged rows and empties the stage.
 * @param count the number of staged rows
 */
export async function mergeEach(
  client: ClientBase,
  { createFunction, run, kinds }: EachMerge,
  { uploadId, clearStage, count }: { uploadId: string; clearStage: string; count: number },
): Promise<EachMergeResult> {
  const result: EachMergeResult = { ...emptyResult(), refused: [] };
  let tried = 0;
  const call = async (after: number, known: string[] | null): Promise<EachOutcome[]> => {
    const { rows } = await client.query<{ outcome: EachOutcome & { tried?: number } }>(run, [uploadId, after, known]);
    const outcomes = rows.map(({ outcome }) => outcome);
    tried += outcomes.pop()!.tried!;
    return outcomes;
  };
  await createOnce(client, createFunction);
  // Other sessions of this process add kinds meanwhile.
  const known = new Map(kinds);
  for (let after = -1; ; ) {
    const outcomes = await call(after, [...known.keys()]);
    for (const outcome of outcomes) {
      const error = outcome.refusal === null ? null : known.get(outcome.refusal);
      if (error) result.refused.push({ rowNumber: outcome.row, error });
      else if (error === null) addOutcome(result, outcome);
    }
    const last = outcomes.at(-1);
    if (last === undefined || last.refusal === null || known.has(last.refusal)) break;
    after = last.row;
    const again = await attempt(client, () => call(after - 1, null));
    if (again.ok) {
      for (const outcome of again.value) addOutcome(result, outcome);
      tried -= 1;
      continue;
    }
    if (again.error instanceof RowsSuppressed) throw again.error;
    result.refused.push({ rowNumber: after, error: again.error });
    if (kinds.size >= MOST_KINDS) kinds.clear();
    for (const map of [kinds, known]) map.set(last.refusal, again.error);
  }
  if (tried !== count) throw new Error(`${tried} of ${count} staged rows were merged one by one`);
  await client.query(`${RESTORE_SETTINGS_SQL}; ${clearStage}`);
  return result;
}

/** A session has the function from the first transaction on that has needed the function and was committed. */
async function createOnce(client: ClientBase, createFunction: string): Promise<void> {
  const { rows } = await client.query<{ exists: boolean }>(
    `SELECT to_regprocedure('${FUNCTION}(uuid, bigint, text[])') IS NOT NULL AS exists`,
  );
  if (!rows[0]!.exists) await client.query(createFunction);
}
