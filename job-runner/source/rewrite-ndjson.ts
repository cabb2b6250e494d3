/** Rewrites NDJSON, one object a line, as records whose header is the schema's own fields; a line is a row. */
import type { FileSchema } from '#api/file-schema.ts';
import { allowsUnknown, createFieldFinder, LEFT_OUT } from '#runner/csv/header.ts';
import { countKeys } from '#runner/csv/json-keys.ts';
import { unquotedKind, type ValueKind } from '#runner/csv/typed-values.ts';
import { type IsUtf8, isUtf8Portable } from '#runner/csv/utf8.ts';
import { recordTooLong } from './source-format.ts';
import { createJsonSplitter, type JsonFraming } from './split-json.ts';
import { encodeText } from './transcode.ts';
import { formatMalformed, formatRecord } from './write-csv.ts';

export interface NdjsonOptions {
  schema: FileSchema;
  maxRecordBytes: number;
  /** Node's own test is faster than the default, which runs on every machine. */
  isUtf8?: IsUtf8;
  /** Gets the positions of the schema's fields that some object has. */
  seen?: Set<number>;
  /** Gets the keys of the objects with the positions of their fields, the first thousand of them. */
  keys?: Map<string, number | null>;
  /** Default: one object a line. */
  framing?: JsonFraming;
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
  {
    schema,
    maxRecordBytes,
    isUtf8 = isUtf8Portable,
    seen = new Set(),
    keys = new Map(),
    framing = 'lines',
  }: NdjsonOptions,
): AsyncGenerator<Buffer, void, void> {
  const toRecord = createLineReader(schema, { isUtf8, seen, keys });
  const splitter = createJsonSplitter(framing);
  yield Buffer.from(formatRecord(schema.fields.map(({ name }) => name)));
  let row = 0;
  const takeText = (text: Buffer): Buffer => {
    row += 1;
    if (text.length > maxRecordBytes) throw recordTooLong(row, maxRecordBytes);
    return toRecord(row === 1 && text.subarray(0, 3).equals(BOM) ? text.subarray(3) : text);
  };
  for await (const piece of input) {
    const records = splitter.push(piece).map(takeText);
    if (records.length > 0) yield Buffer.concat(records);
    if (splitter.heldBytes > maxRecordBytes) throw recordTooLong(row + 1, maxRecordBytes);
  }
  const last = splitter.end();
  if (last) yield takeText(last);
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const BLANK = Buffer.from('\n');

/** Turns one line without its LF into one record or a blank line. */
function createLineReader(
  schema: FileSchema,
  { isUtf8, seen, keys }: Required<Pick<NdjsonOptions, 'isUtf8' | 'seen' | 'keys'>>,
): (line: Buffer) => Buffer {
  const columns = createColumnFinder(schema, keys);
  const unquoted = schema.fields.map(unquotedKind);
  const unknownAllowed = allowsUnknown(schema);
  return (line) => {
    if (!isUtf8(line)) return Buffer.from(formatMalformed(line.toString('latin1')), 'latin1');
    const text = line.toString('utf8').trim();
    if (text === '') return BLANK;
    const { object, hasKeyTwice } = parseObject(text);
    if (object === null) return Buffer.from(formatMalformed(text));
    const values: string[] = new Array(schema.fields.length).fill('');
    const quoted: boolean[] = [];
    const filled = new Set<number>();
    const surplus: Record<string, unknown> = Object.create(null);
    for (const [key, value] of Object.entries(object)) {
      const column = columns(key);
      if (column === LEFT_OUT) continue;
      if (column === null ? unknownAllowed : !filled.has(column)) {
        if (column === null) continue;
        filled.add(column);
        seen.add(column);
        values[column] = toText(value);
        quoted[column] = unquoted[column] !== null && unquoted[column] !== kindOf(value);
      } else surplus[key] = value;
    }
    // With one field more than the header has, the record fails with the code of a wrong number of fields.
    if (hasKeyTwice) values.push(text);
    else if (Object.keys(surplus).length > 0) values.push(JSON.stringify(surplus));
    return encodeText(formatRecord(values, quoted));
  };
}

/** Finds the field of a key as that of a column of a header. */
function createColumnFinder(schema: FileSchema, spelled: Map<string, number | null>): (key: string) => number | null {
  const fieldOf = createFieldFinder(schema);
  // Nearly all lines spell their keys the same way.
  return (key) => {
    const known = spelled.get(key);
    if (known !== undefined) return known;
    const column = fieldOf(key)?.field ?? null;
    if (spelled.size < 1000) spelled.set(key, column);
    return column;
  };
}

/** JSON.parse keeps the last of the values with one key, at any depth: there are fewer members than keys. */
function parseObject(text: string): { object: object | null; hasKeyTwice: boolean } {
  let members = 0;
  function keepDigits(this: unknown, _key: string, value: unknown, context: { source?: string }): unknown {
    if (!Array.isArray(this)) members += 1;
    return typeof value === 'number' ? rawJSON(context.source!) : value;
  }
  try {
    const value: unknown = JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
    if (value === null || typeof value !== 'object' || Array.isArray(value) || isRawJSON(value)) return NO_OBJECT;
    // The reviver is called for the whole value, too.
    return { object: value, hasKeyTwice: countKeys(text) !== members - 1 };
  } catch {
    return NO_OBJECT;
  }
}

const NO_OBJECT = { object: null, hasKeyTwice: false };

function toText(value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  return isRawJSON(value) ? value.rawJSON : JSON.stringify(value);
}

function kindOf(value: unknown): ValueKind {
  if (typeof value === 'boolean') return 'boolean';
  return isRawJSON(value) ? 'number' : 'text';
}
