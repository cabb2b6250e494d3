/** Types of whole numbers and numbers of any length: their digits become neither a double nor a BigInt. */
import { classTest } from './byte-tests.ts';
import { CODES } from './faults.ts';
import { compareOrdered, type Field, type ValueType } from './value-type.ts';

type NumberStyle = Pick<Field, 'decimalChar' | 'groupChar' | 'bareNumber'>;

const INTEGER = /^[+-]?[0-9]+$/;
/** The expression can match each digit in one way only: else many digits before a letter would take quadratic time. */
const NUMBER = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

export function integerType(style: NumberStyle): ValueType {
  const { groupChar, bareNumber } = style;
  return {
    ...numberType(style),
    code: CODES.integer,
    expectation: `a whole number without a decimal point${groupChar === undefined ? '' : ` such as 1${groupChar}234`}${around(style)}`,
    read: compileRead({ groupChar, bareNumber, decimalChar: undefined }, INTEGER),
    // A fraction stays none of a whole number.
    write: (value) => (groupChar === '.' ? value.replace('.', ',') : value),
    toJson: integerToJson,
    toCel: integerToCel,
  };
}

export function numberType(style: NumberStyle): ValueType {
  const { groupChar, bareNumber, decimalChar = '.' } = style;
  const example = groupChar === undefined ? `12${decimalChar}5` : `1${groupChar}234${decimalChar}5`;
  return {
    code: CODES.type,
    expectation: `a number such as ${example}${around(style)}`,
    read: compileRead({ groupChar, bareNumber, decimalChar }, NUMBER),
    write: (value) => value.replace('.', decimalChar),
    isValidBytes: classTest('[0-9]', 1, Number.POSITIVE_INFINITY),
    toJson: numberToJson,
    toCel: Number,
    compare: compareNumbers,
  };
}

function around({ bareNumber }: NumberStyle): string {
  return bareNumber === false ? ', with at most a unit or a currency before or behind it' : '';
}

interface ReadStyle {
  groupChar: string | undefined;
  bareNumber: boolean | undefined;
  /** Undefined for the type of whole numbers. */
  decimalChar: string | undefined;
}

/** Characters that programs write for one another between groups of digits: apostrophes, and spaces that do not break. */
const ALIKE = ["'\u2019", ' \u00a0\u202f\u2009'];

/** Turns a text of the style into plain digits with a point. */
function compileRead({ decimalChar, groupChar, bareNumber }: ReadStyle, plain: RegExp): ValueType['read'] {
  const alike = groupChar === undefined ? undefined : ALIKE.find((chars) => chars.includes(groupChar));
  const unify = (text: string) =>
    alike === undefined ? text : Array.from(text, (char) => (alike.includes(char) ? groupChar! : char)).join('');
  return (text) => {
    let number: string | undefined = text;
    if (bareNumber === false) number = stripUnits(number, `.,${decimalChar ?? ''}${groupChar ?? ''}`);
    if (groupChar !== undefined && number) number = joinGroups(unify(number), groupChar, decimalChar);
    if (decimalChar !== undefined && decimalChar !== '.' && number)
      number = number.includes('.') ? undefined : number.replace(decimalChar, '.');
    return number !== undefined && plain.test(number) ? number : undefined;
  };
}

/**
 * Groups have three digits and stand before the decimal point, so that 1,5 from another country's file is not read as
 * 15. Group characters behind the point stay in the result, which then is not a number.
 */
function joinGroups(text: string, groupChar: string, decimalChar: string | undefined): string | undefined {
  if (!text.includes(groupChar)) return text;
  const point = decimalChar === undefined ? -1 : text.indexOf(decimalChar);
  const whole = point === -1 ? text : text.slice(0, point);
  const [first, ...groups] = whole.split(groupChar);
  if (groups.length === 0) return text;
  if (!/^[+-]?[0-9]{1,3}$/.test(first!) || !groups.every((group) => /^[0-9]{3}$/.test(group))) return undefined;
  return `${first}${groups.join('')}${text.slice(whole.length)}`;
}

const LONGEST_UNIT = 32;
/**
 * Before a number stand no digit of any script, and no dash or bracket, which may mean that the number is negative. A
 * sign may stand at either end.
 */
const BEFORE = /^([+-]?)[^\p{N}\p{Pd}\p{Ps}\p{Pe}+\u2212]*([+-]?)$/u;
const BEHIND = /^[^\p{N}\p{Pd}\p{Ps}\p{Pe}+\u2212]*$/u;

/**
 * Keeps the sign and the text from the first digit to the last. A mark such as a point right before the number is not a
 * unit.
 */
function stripUnits(text: string, marks: string): string | undefined {
  const start = text.slice(0, LONGEST_UNIT + 1).search(/[0-9]/);
  const behind = /[^0-9]*$/.exec(text.slice(-LONGEST_UNIT - 1))![0];
  if (start === -1 || behind.length > LONGEST_UNIT || !BEHIND.test(behind)) return undefined;
  const before = text.slice(0, start);
  const signs = BEFORE.exec(before);
  if (!signs || (signs[1] && signs[2]) || (start > 0 && marks.includes(before[start - 1]!))) return undefined;
  return `${signs[1]}${signs[2]}${text.slice(start, text.length - behind.length)}`;
}

/** Keeps the digits at any length, without the leading zeros and the plus that JSON does not have. */
export function integerToJson(text: string): string {
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]?0*(?=[0-9])/, '');
  return negative && digits !== '0' ? `-${digits}` : digits;
}

/** CEL's integers have 64 bits. The length is checked first: a BigInt of a long text takes quadratic time. */
export function integerToCel(text: string): bigint {
  const digits = integerToJson(text);
  if (digits.length <= 20) {
    const value = BigInt(digits);
    if (BigInt.asIntN(64, value) === value) return value;
  }
  throw new RangeError('the integer has more than 64 bits');
}

/** The result keeps all digits of the text. */
export function numberToJson(text: string): string {
  const [, sign, whole, fraction, exponent] = /^([+-]?)([0-9]*)\.?([0-9]*)(.*)$/.exec(text)!;
  const digits = whole!.replace(/^0+(?=[0-9])/, '') || '0';
  return `${sign === '-' ? '-' : ''}${digits}${fraction ? `.${fraction}` : ''}${exponent}`;
}

/** Compares numbers of any length exactly and in linear time. */
export function compareNumbers(a: string, b: string): number {
  const x = readDecimal(a);
  const y = readDecimal(b);
  if (x.sign !== y.sign || x.sign === 0) return compareOrdered(x.sign, y.sign);
  // For two equal negative numbers -1 × 0 would be -0, which differs from the 0 of equal positive numbers.
  const order = compareOrdered(x.magnitude, y.magnitude) || compareOrdered(x.digits, y.digits);
  return order === 0 ? 0 : x.sign * order;
}

/** The number is sign × 0.digits × 10^magnitude; the digits neither start nor end with 0. */
function readDecimal(text: string): { sign: number; magnitude: number; digits: string } {
  const [, sign, whole, fraction, exponent] = /^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE](.*))?$/.exec(text)!;
  const all = whole! + fraction!;
  let start = 0;
  while (all[start] === '0') start += 1;
  let end = all.length;
  while (end > start && all[end - 1] === '0') end -= 1;
  if (start === end) return { sign: 0, magnitude: 0, digits: '' };
  return {
    sign: sign === '-' ? -1 : 1,
    magnitude: whole!.length - start + Number(exponent ?? 0),
    digits: all.slice(start, end),
  };
}
