/** What columns of numbers have no room for; column-fit.ts has the table. */
import type { Fit } from './column-fit.ts';

const NUMBER = /^\s*[+-]?([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?\s*$/;

interface Decimal {
  /** The number's digits without zeros on either side; empty for zero. */
  digits: string;
  /** The number is 0.digits × 10^magnitude. */
  magnitude: number;
}

/** @returns null for a text that is no plain number, such as NaN */
function readDecimal(text: string): Decimal | null {
  const [, whole, fraction, exponent] = NUMBER.exec(text) ?? [];
  if (whole === undefined) return null;
  const all = `${whole}${fraction}`;
  let first = 0;
  let last = all.length;
  while (first < last && all.charCodeAt(first) === ZERO) first += 1;
  while (last > first && all.charCodeAt(last - 1) === ZERO) last -= 1;
  return { digits: all.slice(first, last), magnitude: whole.length - first + Number(exponent ?? 0) };
}

const ZERO = 0x30;
const ZERO_DECIMAL: Decimal = { digits: '', magnitude: 0 };
/** PostgreSQL reads 1_000.5 as a number, and $1,000.50 or ($2.00) as money. */
const SIGNS = /[_$,()\s]/g;

/** @param scale how many digits behind the point the column keeps; negative: it keeps no last digits before the point */
export function keepsDecimals(scale: number): Fit {
  return {
    loses(text) {
      const { digits, magnitude } = readDecimal(text) ?? readDecimal(text.replace(SIGNS, '')) ?? ZERO_DECIMAL;
      if (digits === '' || digits.length - magnitude <= scale) return null;
      return `keeps ${scale} digits behind the point, and the number has more`;
    },
  };
}

/** More digits than this are never those of a floating-point number that somebody has written out. */
const MOST_DIGITS = 100;

export interface FloatOptions {
  /** Does the column have the type real? */
  isSingle: boolean;
  /** Is a fraction allowed to become the nearest one of the type? */
  roundsFractions: boolean;
}

/**
 * A floating-point column keeps a number when the nearest number of the type, written with as many digits, is the number
 * again. So 0.1 is kept, and so is 0.10000000000000001, which is how many programs write the same double. A real is
 * kept, too, when a program has written it with the digits of a double.
 */
export function keepsDigits({ isSingle, roundsFractions }: FloatOptions): Fit {
  // Numbers of at most so many digits come back from every floating-point number that is not next to zero.
  const few = isSingle ? 6 : 15;
  return {
    isKept(bytes, start, end) {
      if (end - start > few) return false;
      for (let i = start; i < end; i += 1) if ((bytes[i]! | 0x20) === LETTER_E) return false;
      return true;
    },
    loses(text) {
      const number = readDecimal(text);
      if (number === null || number.digits === '') return null;
      if (roundsFractions && number.digits.length > number.magnitude) return null;
      const nearest = isSingle ? Math.fround(Number(text)) : Number(text);
      // PostgreSQL itself refuses a number beyond the range of the type.
      if (!Number.isFinite(nearest) || nearest === 0) return null;
      if (isSingle && number.digits.length <= DIGITS_OF_DOUBLE && Number(text) === nearest) return null;
      return isWrittenOf(number, nearest) ? null : 'has no room for all digits of the number';
    },
  };
}

/** Every double can be told from all others by so many digits. */
const DIGITS_OF_DOUBLE = 17;

/** Is the number a usual text of `nearest`: the rounded one of as many digits, or the shortest one? */
function isWrittenOf(number: Decimal, nearest: number): boolean {
  const most = Math.min(number.digits.length, MOST_DIGITS);
  if (isSame(number, readDecimal(nearest.toPrecision(most))!) || isSame(number, readDecimal(String(nearest))!))
    return true;
  // toPrecision() rounds the middle between two decimals up. The shortest text and printf() may round it down.
  const exact = readDecimal(nearest.toPrecision(MOST_DIGITS))!;
  const isMiddle = exact.digits.length === most + 1 && exact.digits.endsWith('5');
  return isMiddle && exact.magnitude === number.magnitude && exact.digits.slice(0, most) === number.digits;
}

function isSame(a: Decimal, b: Decimal): boolean {
  return a.digits === b.digits && a.magnitude === b.magnitude;
}

const LETTER_E = 0x65;

/** PostgreSQL takes a negative number for a column of the types oid and xid, and stores it as one of more than two billion. */
export const KEEPS_NO_SIGN: Fit = {
  loses: (text) => (/^\s*-0*[1-9]/.test(text) ? 'has no negative numbers, and would get another number' : null),
};
