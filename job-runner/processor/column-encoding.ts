/**
 * Encodes values for COPY's binary format as the receive functions of PostgreSQL's types take them: PostgreSQL then
 * parses no text, which is a fifth of its work for a table of texts, numbers and dates. The encodings cover the types
 * that fields have; a table with any other pair of column and value is loaded in the text format. Source: PostgreSQL's
 * `*_recv` functions.
 */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { daysSince2000 } from './calendar.ts';
import { integerToJson } from './numbers.ts';
import type { RowBuffer } from './row-buffer.ts';

/** From pg_attribute: the type's oid, and the type's modifier, such as the length of a varchar, or -1. */
export interface ColumnType {
  oid: number;
  modifier: number;
}

/** The encoding of a type; `text` writes the value's own bytes. */
type TypeEncoding = 'text' | 'jsonb' | 'int2' | 'int4' | 'int8' | 'float8' | 'numeric' | 'date' | 'boolean' | 'uuid';
/** `decimal` is a numeric with a precision and a scale. */
export type Encoding = TypeEncoding | 'decimal';

type Schema = Pick<RecordSchemaSpec, 'fields' | 'target'>;
type Column = RecordSchemaSpec['target']['columns'][number];

/** Indexed by pg_type.oid; the oids of built-in types never change. */
const ENCODINGS: Record<number, TypeEncoding> = {
  16: 'boolean',
  20: 'int8',
  21: 'int2',
  23: 'int4',
  25: 'text',
  114: 'text',
  701: 'float8',
  1042: 'text',
  1043: 'text',
  1082: 'date',
  1700: 'numeric',
  2950: 'uuid',
  3802: 'jsonb',
};
const JSON_OID = 114;

/** The values that each encoding takes; `text` takes every value. */
const ENCODED_VALUES: Record<Exclude<TypeEncoding, 'text'>, ReadonlySet<string>> = {
  boolean: new Set(['boolean']),
  int2: new Set(['integer', 'year', 'rowNumber']),
  int4: new Set(['integer', 'year', 'rowNumber']),
  int8: new Set(['integer', 'year', 'rowNumber']),
  float8: new Set(['integer', 'number']),
  numeric: new Set(['integer', 'number', 'year', 'rowNumber']),
  date: new Set(['date']),
  uuid: new Set(['string:uuid', 'uploadId', 'uuid']),
  jsonb: new Set(['json', 'object', 'array']),
};

/**
 * @param types the types of the target's columns, in their order
 * @returns an encoding for each column; null when a column has no known encoding
 */
export function chooseEncodings(schema: Schema, types: readonly ColumnType[]): Encoding[] | null {
  const encodings = schema.target.columns.map((column, i) => encodingOf(originOf(column, schema), types[i]!));
  return encodings.includes(null) ? null : (encodings as Encoding[]);
}

function encodingOf(value: string, { oid, modifier }: ColumnType): Encoding | null {
  const encoding = ENCODINGS[oid];
  if (encoding === undefined) return null;
  if (oid === JSON_OID) return ENCODED_VALUES.jsonb.has(value) ? 'text' : null;
  if (encoding !== 'text' && !ENCODED_VALUES[encoding].has(value)) return null;
  return encoding === 'numeric' && modifier !== -1 ? 'decimal' : encoding;
}

/** What a column's value is made of: a type of field, JSON, a system value or an expression. */
function originOf(column: Column, { fields }: Schema): string {
  if (column.json) return 'json';
  if (column.system !== undefined) return column.system;
  const field = fields.find(({ name }) => name === column.field);
  if (!field) return 'value';
  return field.type === 'string' && field.format ? `string:${field.format}` : field.type;
}

/** The column's type has no room for the value: PostgreSQL would refuse it with SQLSTATE 22003. */
export class OutOfRange extends Error {
  override readonly name = 'OutOfRange';
}

/** Writes the column of a valid field, whose value is the bytes [start, end). @throws OutOfRange */
export type Encoder = (bytes: Buffer, start: number, end: number, out: RowBuffer) => void;

const ZERO = 0x30;

export const ENCODERS: Record<Exclude<Encoding, 'text' | 'jsonb'>, Encoder> = {
  boolean: (bytes, start, _end, out) => out.copyColumn(bytes[start] === LETTER_T ? TRUE : FALSE, 0, 1),
  int2: integerEncoder(16, writeInt16),
  int4: integerEncoder(32, (out, value) => out.int32Column(value)),
  int8: integerEncoder(64, writeInt64),
  float8: encodeDouble,
  numeric: numericEncoder(false),
  decimal: numericEncoder(true),
  date(bytes, start, _end, out) {
    const two = (at: number) => (bytes[at]! - ZERO) * 10 + bytes[at + 1]! - ZERO;
    out.int32Column(daysSince2000(two(start) * 100 + two(start + 2), two(start + 5), two(start + 8)));
  },
  uuid: (bytes, start, end, out) => out.copyColumn(uuidBytes(bytes.toString('latin1', start, end)), 0, 16),
};

const LETTER_T = 0x74;

const TRUE = Uint8Array.of(1);
const FALSE = Uint8Array.of(0);

export function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

function writeInt16(out: RowBuffer, value: number): void {
  out.startColumn();
  out.int16(value);
  out.endColumn();
}

function writeInt64(out: RowBuffer, value: number | bigint): void {
  out.startColumn();
  out.int64(value);
  out.endColumn();
}

/** Every integer type but int2 has room for this many digits. */
const FEW_DIGITS = 9;

function integerEncoder(bits: 16 | 32 | 64, put: (out: RowBuffer, value: number) => void): Encoder {
  const largest = bits === 16 ? 32767 : 999_999_999;
  return (bytes, start, end, out) => {
    let value = end - start > FEW_DIGITS ? -1 : 0;
    for (let i = start; value >= 0 && i < end; i += 1) {
      const digit = bytes[i]! - ZERO;
      value = digit >= 0 && digit <= 9 ? value * 10 + digit : -1;
    }
    if (value >= 0 && value <= largest) put(out, value);
    else encodeLongInteger(bytes.toString('latin1', start, end), bits, out);
  };
}

/**
 * Encodes integers with signs or many digits. The length is checked first: a BigInt of a long text takes quadratic
 * time.
 */
function encodeLongInteger(text: string, bits: 16 | 32 | 64, out: RowBuffer): void {
  const digits = integerToJson(text);
  const value = digits.length <= 20 ? BigInt(digits) : null;
  if (value === null || BigInt.asIntN(bits, value) !== value) throw new OutOfRange();
  if (bits === 64) writeInt64(out, value);
  else if (bits === 32) out.int32Column(Number(value));
  else writeInt16(out, Number(value));
}

function encodeDouble(bytes: Buffer, start: number, end: number, out: RowBuffer): void {
  const text = bytes.toString('latin1', start, end);
  const value = Number(text);
  const isZero = /^[^1-9eE]*(?:[eE]|$)/.test(text);
  if (!Number.isFinite(value) || (value === 0 && !isZero)) throw new OutOfRange();
  out.startColumn();
  out.float64(value);
  out.endColumn();
}

/** A numeric has room for this many digits before and behind the point. */
const MOST_WHOLE = 131_072;
const MOST_FRACTION = 16_383;
/** From this exponent on PostgreSQL reads no number, not even a zero. */
const LARGE_EXPONENT = 1_073_741_823;
const NEGATIVE = 0x4000;
const ZEROS = '000';

/**
 * A numeric has digits to the base of 10,000, with four decimal digits in each. The zeros of an exponent are never
 * written out, since seven bytes can ask for 131,072 of them.
 * @param isRounded true for a column with a scale: PostgreSQL rounds to the scale before it checks the room
 */
function numericEncoder(isRounded: boolean): Encoder {
  return (bytes, start, end, out) => {
    const [, sign, before, behind, exponent] = /^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE](.*))?$/.exec(
      bytes.toString('latin1', start, end),
    )!;
    const power = Number(exponent ?? 0);
    const scale = Math.max(0, behind!.length - power);
    if (Math.abs(power) >= LARGE_EXPONENT || (scale > MOST_FRACTION && !isRounded)) throw new OutOfRange();
    // The digits that decide PostgreSQL's rounding stand far before the place where the fraction is cut off.
    const fraction = Math.min(scale, MOST_FRACTION);
    const digits = `${before}${behind}`;
    const point = before!.length + power;
    let first = 0;
    let last = Math.min(digits.length, point + fraction);
    while (first < last && digits.charCodeAt(first) === ZERO) first += 1;
    while (last > first && digits.charCodeAt(last - 1) === ZERO) last -= 1;
    const isZero = first >= last;
    const whole = isZero ? 0 : point - first;
    if (whole > MOST_WHOLE) throw new OutOfRange();
    const groups = Math.ceil(whole / 4);
    const aligned = isZero ? '' : ZEROS.slice(0, groups * 4 - whole) + digits.slice(first, last);
    out.startColumn();
    out.int16(Math.ceil(aligned.length / 4));
    out.int16(isZero ? 0 : groups - 1);
    out.int16(sign === '-' && !isZero ? NEGATIVE : 0);
    out.int16(fraction);
    for (let at = 0; at < aligned.length; at += 4) out.int16(Number(aligned.slice(at, at + 4).padEnd(4, '0')));
    out.endColumn();
  };
}
