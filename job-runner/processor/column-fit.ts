/**
 * Values that PostgreSQL would take and alter without a word, because the column's type has no room for a part of them.
 * A record with such a value fails; a datetime with a zone is stored in UTC where the column has no zone.
 *
 * | column                                | value                                 | what would be lost            |
 * |---------------------------------------|---------------------------------------|-------------------------------|
 * | numeric with a scale, money           | more digits behind the point          | the digits, by rounding       |
 * | timestamp(3), time(0), interval(0), … | a longer fraction of a second         | the digits, by rounding       |
 * | real                                  | a number with too many digits         | the last digits               |
 * | double precision                      | a whole number with too many digits   | the last digits               |
 * | oid                                   | a negative number                     | the sign                      |
 * | timestamp without time zone, time     | text with an offset or a zone         | the offset                    |
 * | date                                  | text with a time of the day           | the time                      |
 * | time                                  | text with a day                       | the day                       |
 * | a date or a time                      | text such as now; a second 60         | the word, the leap second     |
 * | varchar(n)                            | blanks behind n characters            | the blanks                    |
 * | jsonb                                 | JSON that has a key twice             | all values but the last one   |
 *
 * The same is true of the elements of arrays and of the bounds of ranges. Keys are not rounded at all, since two records
 * would get one key: the nearest double and the nearest microsecond are enough for other columns alone. The values of
 * expressions are not looked at: whoever computes a value for a column knows the column.
 */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnType, Encoder } from './column-encoding.ts';
import { IN_UTC, keepsFraction, LOSES_DAY, LOSES_OFFSET, LOSES_TIME, LOSES_WORDS } from './fit-moments.ts';
import { KEEPS_NO_SIGN, keepsDecimals, keepsDigits } from './fit-numbers.ts';
import { eachElement, KEEPS_ONE_KEY, keepsBlanks } from './fit-texts.ts';

type FieldType = RecordSchemaSpec['fields'][number]['type'];

/** The column has no room for a part of the value. The message says which part, and never the value. */
export class ValueAltered extends Error {
  override readonly name = 'ValueAltered';
}

/** The checks and changes of a value before the value is encoded for its column. */
export interface Fit {
  /** Tells from the bytes [start, end) alone that the column keeps the value; absent: nothing is told. */
  isKept?(bytes: Buffer, start: number, end: number): boolean;
  /** Says what would be lost of a value; null: nothing. Values that `isKept` accepts need not be asked about. */
  loses(text: string): string | null;
  /** Changes the value without a loss; absent: the value stays as it is. */
  convert?(text: string): string;
  /** Set where only blanks behind so many characters can be lost, so that the kernel can look for them. */
  mostCharacters?: number;
}

const OIDS = {
  oid: 26,
  xid: 28,
  float4: 700,
  float8: 701,
  money: 790,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  timetz: 1266,
  numeric: 1700,
  jsonb: 3802,
};

/** The types of the elements of arrays and ranges by the types' oids. An array has the modifier of its elements. */
const ELEMENTS: Record<number, number> = {
  ...{ 1028: OIDS.oid, 1021: OIDS.float4, 1022: OIDS.float8, 791: OIDS.money, 1015: OIDS.varchar, 1182: OIDS.date },
  ...{ 1183: OIDS.time, 1115: OIDS.timestamp, 1185: OIDS.timestamptz, 1187: OIDS.interval, 1270: OIDS.timetz },
  ...{ 1231: OIDS.numeric, 3807: OIDS.jsonb },
  ...{ 3908: OIDS.timestamp, 3910: OIDS.timestamptz, 3912: OIDS.date },
  ...{ 4533: OIDS.timestamp, 4534: OIDS.timestamptz, 4535: OIDS.date },
};

export interface FitOptions {
  /** Is the column a part of the key? */
  isKey?: boolean;
}

/**
 * @param type the column's type, of a domain the type below it
 * @returns null when the column keeps every value of the field
 */
export function fitOf(field: FieldType, { oid, modifier }: ColumnType, { isKey = false }: FitOptions = {}): Fit | null {
  const element = ELEMENTS[oid];
  if (element !== undefined) return eachElement(fitOf('string', { oid: element, modifier }, { isKey }));
  switch (oid) {
    case OIDS.numeric:
      return modifier === -1 ? null : keepsDecimals(scaleOf(modifier));
    case OIDS.money:
      return keepsDecimals(2);
    case OIDS.float4:
      return keepsDigits({ isSingle: true, roundsFractions: false });
    case OIDS.float8:
      return keepsDigits({ isSingle: false, roundsFractions: !isKey });
    case OIDS.oid:
    case OIDS.xid:
      return KEEPS_NO_SIGN;
    case OIDS.varchar:
      return modifier === -1 ? null : keepsBlanks(modifier - VARLENA_HEADER);
    case OIDS.jsonb:
      return KEEPS_ONE_KEY;
    case OIDS.interval:
      return keepsFraction(precisionOfInterval(modifier), { isKey, isInterval: true });
    default:
      return fitOfMoment(field, { oid, modifier }, isKey);
  }
}

/** @param type the type of a column that holds objects of JSON, in which the field is a member */
export function fitOfMember(field: FieldType, type: ColumnType): Fit | null {
  return type.oid === OIDS.jsonb && (field === 'object' || field === 'array') ? KEEPS_ONE_KEY : null;
}

function fitOfMoment(field: FieldType, { oid, modifier }: ColumnType, isKey: boolean): Fit | null {
  const isText = field === 'string' || field === 'any';
  const words = isText ? LOSES_WORDS : null;
  switch (oid) {
    case OIDS.date:
      return isText ? all(LOSES_TIME, words) : null;
    case OIDS.timestamp:
      return all(
        keepsFraction(modifier, { isKey }),
        words,
        isText ? LOSES_OFFSET : field === 'datetime' ? IN_UTC : null,
      );
    case OIDS.time:
      return all(keepsFraction(modifier, { isKey }), words, isText ? LOSES_DAY : null, isText ? LOSES_OFFSET : null);
    case OIDS.timestamptz:
      return all(keepsFraction(modifier, { isKey }), words);
    case OIDS.timetz:
      return all(keepsFraction(modifier, { isKey }), words, isText ? LOSES_DAY : null);
    default:
      return null;
  }
}

/** PostgreSQL counts four bytes of a value's own length with the characters. */
const VARLENA_HEADER = 4;

/** PostgreSQL keeps the precision in the upper half of a numeric's modifier, and the scale, of 11 bits, in the lower. */
function scaleOf(modifier: number): number {
  const scale = (modifier - VARLENA_HEADER) & 0x7ff;
  return scale > 1000 ? scale - 2048 : scale;
}

const FULL_PRECISION = 0xffff;

/** An interval's modifier has the digits of a second in the lower half, and the units in the upper one. */
function precisionOfInterval(modifier: number): number {
  const precision = modifier & FULL_PRECISION;
  return modifier === -1 || precision === FULL_PRECISION ? -1 : precision;
}

/** Makes one fit of several; at most one of them changes values. */
function all(...several: (Fit | null)[]): Fit | null {
  const fits = several.filter((fit) => fit !== null);
  const [first] = fits;
  if (first === undefined || fits.length === 1) return first ?? null;
  const convert = fits.find((fit) => fit.convert)?.convert;
  return {
    loses(text) {
      for (const fit of fits) {
        const lost = fit.loses(text);
        if (lost !== null) return lost;
      }
      return null;
    },
    ...(convert ? { convert } : {}),
  };
}

/** @throws ValueAltered, and what the encoder throws */
export function encodeFitting(encode: Encoder, fit: Fit, column: string): Encoder {
  return (bytes, start, end, out) => {
    if (fit.isKept?.(bytes, start, end)) {
      encode(bytes, start, end, out);
      return;
    }
    const text = bytes.toString('utf8', start, end);
    expectKept(fit, text, column);
    const converted = fit.convert?.(text) ?? text;
    if (converted === text) encode(bytes, start, end, out);
    else {
      const fresh = Buffer.from(converted);
      encode(fresh, 0, fresh.length, out);
    }
  };
}

/** @throws ValueAltered */
export function expectKept(fit: Fit, text: string, column: string): void {
  const lost = fit.loses(text);
  if (lost !== null) throw new ValueAltered(`the column ${column} ${lost}`);
}
