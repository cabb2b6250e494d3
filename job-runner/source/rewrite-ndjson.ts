/** Rewrites NDJSON, one object a line, as records whose header is the schema's own fields; a line is a row. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { normalizeName } from '#runner/csv/header.ts';
import { unquotedKind, type ValueKind } from '#runner/csv/typed-values.ts';
import { type IsUtf8, isUtf8Portable } from '#runner/csv/utf8.ts';
import { recordTooLong } from './source-format.ts';
import { encodeText } from './transcode.ts';
import { formatMalformed, formatRecord } from './write-csv.ts';

export interface NdjsonOptions {
  schema: RecordSchemaSpec;
  maxRecordBytes: number;
  /** Node's own test is faster than the default, which runs on every machine. */
  isUtf8?: IsUtf8;
  /** Gets the positions of the schema's fields that some object has. */
  seen?: Set<number>;
}

/**
 * The canonical bytes begin with a header that the file does not have: the header's row is 0, so that the first line is
 * row 1.
 */
export const NDJSON_FIRST_ROW = 0;

interface RawJson {
  rawJSON: string;
}
/** These functions keep the digits of numbers; TypeScript's library does not declare them yet. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
};

/** @param input bytes in UTF-8, cut anywhere. @throws Fault FILE_RECORD_TOO_LONG */
export async function* rewriteNdjson(
  input: AsyncIterable<Buffer>,
  { schema, maxRecordBytes, isUtf8 = isUtf8Portable, seen = new Set() }: NdjsonOptions,
): AsyncGenerator<Buffer, void, void> {
  const toRecord = createLineReader(schema, isUtf8, seen);
  yield Buffer.from(formatRecord(schema.fields.map(({ name }) => name)));
  let row = 0;
  let rest: Buffer[] = [];
  let restLength = 0;
  const takeLine = (end: Buffer): Buffer => {
    const line = rest.length === 0 ? end : Buffer.concat([...rest, end]);
    rest = [];
    restLength = 0;
    row += 1;
    return toRecord(row === 1 && line.subarray(0, 3).equals(BOM) ? line.subarray(3) : line);
  };
  for await (const piece of input) {
    const records: Buffer[] = [];
    let from = 0;
    for (let lf = piece.indexOf(LF); lf !== -1; lf = piece.indexOf(LF, from)) {
      if (restLength + lf - from > maxRecordBytes) break;
      records.push(takeLine(piece.subarray(from, lf)));
      from = lf + 1;
    }
    rest.push(piece.subarray(from));
    restLength += piece.length - from;
    if (records.length > 0) yield Buffer.concat(records);
    if (restLength > maxRecordBytes) throw recordTooLong(row + 1, maxRecordBytes);
  }
  if (restLength > 0) yield takeLine(NOTHING);
}

const LF = 0x0a;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NOTHING = Buffer.alloc(0);
const BLANK = Buffer.from('\n');

/** Turns one line without its LF into one record or a blank line. */
function createLineReader(schema: RecordSchemaSpec, isUtf8: IsUtf8, seen: Set<number>): (line: Buffer) => Buffer {
  const columns = createColumnFinder(schema);
  const unquoted = schema.fields.map(unquotedKind);
  const unknownAllowed = schema.fieldsMatch === 'subset' || schema.fieldsMatch === 'partial';
  return (line) => {
    if (!isUtf8(line)) return Buffer.from(formatMalformed(line.toString('latin1')), 'latin1');
    const text = line.toString('utf8').trim();
    if (text === '') return BLANK;
    const object = parseObject(text);
    if (object === null) return Buffer.from(formatMalformed(text));
    const values: string[] = new Array(schema.fields.length).fill('');
    const quoted: boolean[] = [];
    const filled = new Set<number>();
    const surplus: Record<string, unknown> = Object.create(null);
    for (const [key, value] of Object.entries(object)) {
      const column = columns(key);
      if (column === null ? unknownAllowed : !filled.has(column)) {
        if (column === null) continue;
        filled.add(column);
        seen.add(column);
        values[column] = toText(value);
        quoted[column] = unquoted[column] !== null && unquoted[column] !== kindOf(value);
      } else surplus[key] = value;
    }
    // With one field more than the header has, the record fails with the code of a wrong number of fields.
    if (Object.keys(surplus).length > 0) values.push(JSON.stringify(surplus));
    return encodeText(formatRecord(values, quoted));
  };
}

/** Finds the field of a key: by the field's name, else by an alias that is not another field's name. */
function createColumnFinder({ fields }: RecordSchemaSpec): (key: string) => number | null {
  const columns = new Map<string, number>();
  const add = (name: string, i: number) => {
    if (!columns.has(normalizeName(name))) columns.set(normalizeName(name), i);
  };
  for (const [i, { name }] of fields.entries()) add(name, i);
  for (const [i, { aliases = [] }] of fields.entries()) for (const alias of aliases) add(alias, i);
  // Nearly all lines spell their keys the same way.
  const spelled = new Map<string, number | null>();
  return (key) => {
    const known = spelled.get(key);
    if (known !== undefined) return known;
    const column = columns.get(normalizeName(key)) ?? null;
    if (spelled.size < 1000) spelled.set(key, column);
    return column;
  };
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
    return value !== null && typeof value === 'object' && !Array.isArray(value) && !isRawJSON(value) ? value : null;
  } catch {
    return null;
  }
}

function keepDigits(_key: string, value: unknown, context: { source?: string }): unknown {
  return typeof value === 'number' ? rawJSON(context.source!) : value;
}

function toText(value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  return isRawJSON(value) ? value.rawJSON : JSON.stringify(value);
}

function kindOf(value: unknown): ValueKind {
  if (typeof value === 'boolean') return 'boolean';
  return isRawJSON(value) ? 'number' : 'text';
}
