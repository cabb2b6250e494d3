/**
 * Whose fault is an error of PostgreSQL that a record meets alone? docs/explanation/refused-records.md has the table of
 * all SQLSTATEs, with the reasons.
 */
import type { DatabaseError } from 'pg';
import { Fault } from '#common/faults.ts';
import { functionOf, isNotifyQueueFull, isRaised } from '#ledger/connection/error-place.ts';

/** Classes of SQLSTATE that speak of the server, the session, the transaction or the role, and never of a record. */
const NEVER_RECORD_CLASSES = new Set(['08', '0A', '25', '26', '28', '3D', '40', '53', '55', '57', '58', 'F0', 'XX']);
/** The role has no right to a table, or a table does not exist. */
const NEVER_RECORD_STATES = new Set(['42501', '42P01']);

/** A value alone can cause these errors while it is read: the type `regclass` looks a table up, for example. */
const OF_VALUE = /^(0A000|42501|42P01|XX000)$/;
/** PostgreSQL's own functions that refuse a row which a trigger has moved to another partition. */
const MOVES = new Set(['ExecBRInsertTriggers', 'ExecCrossPartitionUpdate', 'ExecCrossPartitionUpdateForeignKey']);

/** Can the error be the fault of one record, so that every other try would meet it again? */
export function mayBeOfRecord(error: Pick<DatabaseError, 'code' | 'where' | 'routine'>): boolean {
  const { code: state = '' } = error;
  if (isNotifyQueueFull(error)) return false;
  if (!NEVER_RECORD_CLASSES.has(state.slice(0, 2)) && !NEVER_RECORD_STATES.has(state)) return true;
  return (OF_VALUE.test(state) && isConversion(error)) || isMove(error);
}

function isMove({ code, routine }: Pick<DatabaseError, 'code' | 'routine'>): boolean {
  return code === '0A000' && MOVES.has(routine ?? '');
}

/**
 * The line at which a COPY has stopped. The context of an error is in the language of the server: `COPY t, line 3` is
 * `COPY t, Zeile 3` in German, `tのCOPY、行 3` in Japanese and `t 복사, 3번째 줄` in Korean. A comma behind the line leads
 * to the column whose value was being read; a colon leads to the whole line, whose text may have commas and numbers.
 */
const PLACE = /^(?:COPY .*?|.*?(?:のCOPY| 복사))(?:, |、)(?:[^\d\n,:、]+(\d+)|(\d+)(?:번째 줄|행))(?=$|\s?:|(, |、))/m;

/** Did the error come while COPY read a value into its column, before any code of the table ran? */
function isConversion({ where }: Pick<DatabaseError, 'where'>): boolean {
  const place = PLACE.exec(where ?? '');
  return place?.index === 0 && place[3] !== undefined;
}

/**
 * Finds the row at which a COPY has stopped.
 * @returns the row's index among the rows of the COPY; null when the error does not tell, as that of a foreign key
 */
export function refusedRow(error: Error): number | null {
  const place = PLACE.exec((error as Partial<DatabaseError>).where ?? '');
  const line = Number(place?.[1] ?? place?.[2] ?? 0);
  return line === 0 ? null : line - 1;
}

interface Place {
  /** Was the row about to be stored, so that the table's code ran? */
  isStored: boolean;
  /** The columns that records fill. */
  columns: readonly string[];
}

/**
 * Does the error speak of names or of grammar, or of a column that no record fills? A value can cause it, such as a wrong
 * `regtype` or `tsquery`, and so can a table that was altered. An author of a trigger who raises such an SQLSTATE means the
 * record.
 */
export function mayBeOfTable(error: DatabaseError, { isStored, columns }: Place): boolean {
  const { code: state = '', column } = error;
  if (OF_VALUE.test(state)) return !isMove(error);
  if (state === '23502') return column !== undefined && !columns.includes(column);
  return isStored && /^(42|3F)/.test(state) && !isRaised(error);
}

/**
 * Not one record of a chunk was taken, and each met an error that speaks of names: the cause is in the table.
 * @param error the error of one of the records
 */
export function tableFault(error: DatabaseError, table: string, records: number): Fault {
  const place = functionOf(error);
  return new Fault({
    code: `DB_${error.code}`,
    category: 'permanent',
    reason: 'DatabaseError',
    message: `PostgreSQL refused all ${records} records of a chunk with SQLSTATE ${error.code}${place ? `, ${place}` : ''}. So the cause is not a record: a trigger, a constraint, an index or a default of ${table} uses something that does not exist or is not valid. Correct it, and try the upload again.`,
    cause: error,
    context: { sqlstate: error.code },
  });
}

type Refusal = Partial<Pick<DatabaseError, 'code' | 'column' | 'constraint' | 'where'>>;

/**
 * Makes the message from SQLSTATE, constraint, column and function, since PostgreSQL's own messages carry values.
 * @param columns the columns of the target
 */
export function refusalMessage(error: Refusal, columns: readonly string[] = []): string {
  const { code = '', constraint } = error;
  const column = error.column ?? convertedColumn(error, columns);
  const places = [column && `column ${column}`, constraint && `constraint ${constraint}`, functionOf(error)].filter(
    Boolean,
  );
  const why = STATES[code] ?? CLASSES[code.slice(0, 2)] ?? 'the table, or a function that the table uses, refused it';
  return `PostgreSQL refused this record: ${why} (${code})${places.length > 0 ? `, ${places.join(', ')}` : ''}`;
}

/**
 * Finds the column whose value could not be read, where the server speaks English. The context of the error has a value
 * only behind the column's name.
 */
function convertedColumn({ where }: Refusal, columns: readonly string[]): string | undefined {
  const behind = /^COPY .+?, line \d+, column (.*)/s.exec(where ?? '')?.[1];
  if (behind === undefined) return undefined;
  const named = columns.filter((name) => behind === name || behind.startsWith(`${name}:`));
  return named.sort((a, b) => b.length - a.length)[0];
}

const STATES: Record<string, string> = {
  '0A000': 'a value needs what PostgreSQL does not have, or a trigger of the table moves the row to another partition',
  '21000': 'a query of a trigger or function gave more than one row',
  '22001': 'a value is too long for its column',
  '22003': 'a number is out of range',
  '22007': 'a date or time is not valid',
  '22008': 'a date or time is out of range',
  '22012': 'a number was divided by zero',
  '22021': 'a value has a character that text in PostgreSQL cannot hold',
  '22P02': 'a value does not have the type of its column',
  '22P05': 'a character does not exist in the encoding of the database',
  '23502': 'a required column is empty',
  '23503': 'it refers to a row that does not exist',
  '23505': 'a unique index already has this value',
  '23514': 'a check constraint is violated',
  '23P01': 'an exclusion constraint is violated',
  '42501': 'a value names an object to which the role has no right',
  '42601': 'a value does not have the grammar of its type',
  '42704': 'a value names an object that does not exist',
  '42883': 'a value names a function that does not exist',
  '42P01': 'a value names a table that does not exist',
  '54000': 'a value is too large for a row or an index of the table',
  '54001': 'a value is nested too deeply',
  XX000: 'the type of a column could not read its value',
  P0001: 'a trigger of the table refused it',
  P0002: 'a trigger of the table did not find a row',
  P0003: 'a trigger of the table found more than one row',
  P0004: 'an assertion of a trigger failed',
};

/** The meanings of the classes whose codes are not all in {@link STATES}. */
const CLASSES: Record<string, string> = {
  '22': 'a value is not valid',
  '23': 'a constraint is violated',
  '2F': 'a function that the table uses failed',
  '38': 'a function that the table uses failed',
  '39': 'a function that the table uses failed',
  '42': 'a value names something that does not exist, or is not valid',
  '44': 'a check option of a view is violated',
  '45': 'a trigger of the table refused it',
  '54': 'a value goes beyond a limit of PostgreSQL',
  P0: 'a trigger of the table refused it',
};
