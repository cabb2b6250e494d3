/** Types of dates, times and durations. Their values are in ISO 8601, the form that PostgreSQL, JSON and CEL get. */
import { isDateBytes } from './byte-tests.ts';
import { isDay } from './calendar.ts';
import { CODES } from './faults.ts';
import { quoteJson } from './json.ts';
import { compareNumbers, integerToCel, integerToJson } from './numbers.ts';
import { compareOrdered, identity, readIf, type ValueType } from './value-type.ts';

const DATE_FORM = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
/** A fraction has microseconds at most: PostgreSQL rounds a longer one, which may give 24:00:00. */
const TIME_FORM = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?$/;
/**
 * A datetime as files hold it: in ISO 8601, or as PostgreSQL writes it, with a space for the T and a zone of hours alone.
 * A fraction has nanoseconds at most: PostgreSQL refuses a much longer one.
 */
const DATETIME_TEXT =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?)(?:(Z)|([+-](?:0[0-9]|1[0-4]))(?::?([0-5][0-9]))?)?$/;
/** The value of a datetime. */
const DATETIME_FORM =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})T((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]{1,9}))?(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?$/;
const YEAR_FORM = /^(?!0000)[0-9]{4}$/;
const YEARMONTH_FORM = /^(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])$/;
/** PostgreSQL's interval has room for eight digits of any unit. */
const DURATION_FORM =
  /^P(?:[0-9]{1,8}W|(?!$)(?:[0-9]{1,8}Y)?(?:[0-9]{1,8}M)?(?:[0-9]{1,8}D)?(?:T(?!$)(?:[0-9]{1,8}H)?(?:[0-9]{1,8}M)?(?:[0-9]{1,8}(?:\.[0-9]{1,9})?S)?)?)$/;

const isoType = (type: Pick<ValueType, 'code' | 'expectation' | 'read' | 'compare'>): ValueType => ({
  ...type,
  isValidBytes: null,
  toJson: quoteJson,
  toCel: identity,
});

export const DATE: ValueType = {
  ...isoType({
    code: CODES.date,
    expectation: 'a date that exists, as YYYY-MM-DD',
    read: readIf(isDate),
    compare: compareOrdered,
  }),
  isValidBytes: isDateBytes,
};

export const TIME = isoType({
  code: CODES.type,
  expectation: 'a time of the day, as hh:mm:ss',
  read: readIf((text) => TIME_FORM.test(text)),
  compare: compareTimes,
});

export const DATETIME = isoType({
  code: CODES.type,
  expectation: 'a date and time such as 2025-01-31T12:00:00Z',
  read: readDatetimeText,
  compare: compareDatetimes,
});

export const YEAR: ValueType = {
  ...isoType({
    code: CODES.type,
    expectation: 'a year, as YYYY',
    read: readIf((text) => YEAR_FORM.test(text)),
    compare: compareOrdered,
  }),
  toJson: integerToJson,
  toCel: integerToCel,
};

export const YEARMONTH = isoType({
  code: CODES.type,
  expectation: 'a month of a year, as YYYY-MM',
  read: readIf((text) => YEARMONTH_FORM.test(text)),
  compare: compareOrdered,
});

/** Durations have no order: P1M may be shorter or longer than P30D. */
export const DURATION = isoType({
  code: CODES.type,
  expectation: 'a duration such as P1Y2M10D, PT1H30M or P2W',
  read: readIf((text) => DURATION_FORM.test(text)),
});

/** Is the text a day of the proleptic Gregorian calendar in the years 0001 to 9999, as PostgreSQL reads it? */
export function isDate(text: string): boolean {
  if (text.length !== 10 || !DATE_FORM.test(text)) return false;
  return isDay(Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8, 10)));
}

/** Compares times as hh:mm:ss, with or without a fraction. */
export function compareTimes(a: string, b: string): number {
  return compareOrdered(a.slice(0, 8), b.slice(0, 8)) || compareNumbers(`0${a.slice(8)}`, `0${b.slice(8)}`);
}

/** The comparison is exact in fractions of a second. A time without a zone is UTC, as in the sessions that load. */
export function compareDatetimes(a: string, b: string): number {
  const x = readDatetime(a);
  const y = readDatetime(b);
  return compareOrdered(x.second, y.second) || compareNumbers(`0.${x.fraction}`, `0.${y.fraction}`);
}

function readDatetimeText(text: string): string | undefined {
  const [, date = '', time, utc = '', hours, minutes = '00'] = DATETIME_TEXT.exec(text) ?? [];
  if (!isDate(date)) return undefined;
  return `${date}T${time}${hours === undefined ? utc : `${hours}:${minutes}`}`;
}

function readDatetime(text: string): { second: number; fraction: string } {
  const [, date, time, fraction = '', zone = 'Z'] = DATETIME_FORM.exec(text)!;
  return { second: Date.parse(`${date}T${time}${zone}`), fraction };
}
