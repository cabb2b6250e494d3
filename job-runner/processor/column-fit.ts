/**
 * Values that PostgreSQL would take and alter without a word, because the column's type has no room for a part of them.
 * A record with such a value fails; a datetime with a zone is stored in UTC where the column has no zone.
 *
 * | column                                | value                                 | what would be lost            |
 * |---------------------------------------|---------------------------------------|-------------------------------|
 * | numeric with a scale, money           | more digits behind the point          | the digits, by rounding       |
 * | timestamp(3), time(0), …              | a longer fraction of a second         | the digits, by rounding       |
 * | real, double precision                | an integer with too many digits       | the last digits               |
 * | timestamp without time zone, time     | text with an offset from UTC          | the offset                    |
 * | date                                  | text with a time of the day           | the time                      |
 *
 * The values of expressions are not looked at: whoever computes a value for a column knows the column.
 */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnType, Encoder } from './column-encoding.ts';

type FieldType = RecordSchemaSpec['fields'][number]['type'];

/** The column has no room for a part of the value. The message says which part, and never the value. */
export class ValueAltered extends Error {
  override readonly name = 'ValueAltered';
}

/** The checks and changes of a value before the value is encoded for its column. */
export interface Fit {
  /** Says what would be lost of a value; null: nothing. */
  loses(text: string): string | null;
  /** Changes the value without a loss; absent: the value stays as it is. */
  convert?(text: string): string;
}

const OIDS = {
  float4: 700,
  float8: 701,
  money: 790,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  timetz: 1266,
  numeric: 1700,
};

/**
 * @param type the column's type, of a domain the type below it
 * @returns null when the column keeps every value of the field
 */
export function fitOf(field: FieldType, { oid, modifier }: ColumnType): Fit | null {
  const isText = field === 'string' || field === 'any';
  switch (oid) {
    case OIDS.numeric:
      return modifier === -1 ? null : keepsDecimals(scaleOf(modifier));
    case OIDS.money:
      return keepsDecimals(2);
    case OIDS.float4:
    case OIDS.float8:
      return field === 'integer' ? keepsInteger(oid === OIDS.float4) : null;
    case OIDS.date:
      return isText ? LOSES_TIME : null;
    case OIDS.timestamp:
      return both(keepsFraction(modifier), isText ? LOSES_OFFSET : field === 'datetime' ? IN_UTC : null);
    case OIDS.time:
      return both(keepsFraction(modifier), isText ? LOSES_OFFSET : null);
    case OIDS.timestamptz:
    case OIDS.timetz:
      return keepsFraction(modifier);
    default:
      return null;
  }
}

/** PostgreSQL keeps the precision in the upper half of a numeric's modifier, and the scale, of 11 bits, in the lower. */
function scaleOf(modifier: number): number {
  const scale = (modifier - 4) & 0x7ff;
  return scale > 1000 ? scale - 2048 : scale;
}

function both(first: Fit | null, second: Fit | null): Fit | null {
  if (first === null || second === null) return first ?? second;
  return { ...second, loses: (text) => first.loses(text) ?? second.loses(text) };
}

function keepsDecimals(scale: number): Fit {
  return {
    loses: (text) =>
      decimalsOf(text) > scale ? `keeps ${scale} digits behind the point, and the number has more` : null,
  };
}

const NUMBER = /^\s*[+-]?([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?\s*$/;

/** Counts the digits behind the point that a number needs; negative for trailing zeros before the point. */
function decimalsOf(text: string): number {
  const [, whole, fraction, exponent] = NUMBER.exec(text) ?? [];
  if (whole === undefined) return Number.NEGATIVE_INFINITY;
  const digits = `${whole}${fraction}`;
  let last = digits.length;
  while (last > 0 && digits.charCodeAt(last - 1) === ZERO) last -= 1;
  return last === 0 ? Number.NEGATIVE_INFINITY : last - whole.length - Number(exponent ?? 0);
}

const ZERO = 0x30;

function keepsInteger(isSingle: boolean): Fit {
  return {
    loses(text) {
      const value = Number(text);
      const kept = isSingle ? Math.fround(value) : value;
      // PostgreSQL itself refuses a number beyond the type's range. Few digits need no comparison of long integers.
      if (!Number.isFinite(kept) || (text.length < 8 && kept === value)) return null;
      return BigInt(kept) === BigInt(text.replace('+', '')) ? null : 'has no room for all digits of the integer';
    },
  };
}

/** PostgreSQL keeps six digits of a second unless a type says fewer. */
function keepsFraction(modifier: number): Fit | null {
  if (modifier === -1 || modifier >= 6) return null;
  return {
    loses(text) {
      const [, digits = ''] = /:[0-9]{2}[.,]([0-9]*[1-9])/.exec(text) ?? [];
      return digits.length > modifier
        ? `keeps ${modifier} digits of a fraction of a second, and the value has more`
        : null;
    },
  };
}

const LOSES_TIME: Fit = {
  loses: (text) => (/[0-9]:[0-9]/.test(text) ? 'keeps a day, and the value has a time of the day' : null),
};

const LOSES_OFFSET: Fit = {
  loses: (text) =>
    /:[0-9.]+\s*[+-][0-9]{1,2}(:?[0-9]{2})*\s*$/.test(text) ? 'keeps no offset from UTC, and the value has one' : null,
};

const IN_UTC: Fit = { loses: () => null, convert: toUtc };

/** @param text a datetime in ISO 8601, whose zone may be missing. @returns the same moment in UTC, without a zone */
function toUtc(text: string): string {
  const [, moment, fraction = '', zone] = /^(.{19})(\.[0-9]+)?([+-][0-9:]{5})$/.exec(text) ?? [];
  if (zone === undefined) return text;
  return `${new Date(`${moment}${zone}`).toISOString().slice(0, -'.000Z'.length)}${fraction}`;
}

/** @throws ValueAltered, and what the encoder throws */
export function encodeFitting(encode: Encoder, fit: Fit, column: string): Encoder {
  return (bytes, start, end, out) => {
    const text = bytes.toString('utf8', start, end);
    const lost = fit.loses(text);
    if (lost !== null) throw new ValueAltered(`the column ${column} ${lost}`);
    const converted = fit.convert?.(text) ?? text;
    if (converted === text) encode(bytes, start, end, out);
    else {
      const fresh = Buffer.from(converted);
      encode(fresh, 0, fresh.length, out);
    }
  };
}
