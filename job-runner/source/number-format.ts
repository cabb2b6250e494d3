/** What a cell's number format says about the number in the cell. Pure. */
import * as numfmt from 'numfmt';

export type NumberStyle =
  | { kind: 'plain' | 'date' | 'datetime' | 'time' | 'elapsed' }
  /** A format that is a date in one language and a time in another. */
  | { kind: 'moment' }
  /** A format that writes digits in a fixed pattern, such as 00000 or 000-00-0000. */
  | { kind: 'mask'; code: string };

const PLAIN: NumberStyle = { kind: 'plain' };

/** The formats that need no code, by their ids. Source: ECMA-376 part 1, 18.8.30 (numFmt). */
const BUILT_IN: readonly [from: number, to: number, kind: 'date' | 'datetime' | 'time' | 'elapsed' | 'moment'][] = [
  [14, 17, 'date'],
  [18, 21, 'time'],
  [22, 22, 'datetime'],
  [27, 31, 'date'],
  [32, 33, 'time'],
  // In Chinese these are times, in Japanese and Korean they are dates.
  [34, 35, 'moment'],
  [36, 36, 'date'],
  [45, 45, 'time'],
  [46, 46, 'elapsed'],
  [47, 47, 'time'],
  [50, 54, 'date'],
  [55, 56, 'moment'],
  [57, 58, 'date'],
];

/** @param code undefined for a format without a code of its own */
export function readNumberFormat(id: number, code: string | undefined): NumberStyle {
  if (code === undefined) {
    const found = BUILT_IN.find(([from, to]) => id >= from && id <= to);
    return found ? { kind: found[2] } : PLAIN;
  }
  const section = findSection(code);
  if (section.some(({ type }) => type === numfmt.TOKEN_ERROR)) return PLAIN;
  if (section.some(({ type }) => type === numfmt.TOKEN_DURATION)) return { kind: 'elapsed' };
  if (section.some(({ type }) => type === numfmt.TOKEN_DATETIME)) return momentStyle(section);
  return isMask(section) ? { kind: 'mask', code } : PLAIN;
}

type Token = ReturnType<typeof numfmt.tokenize>[number];

/** The tokens that show the number, or a part of it. */
const SHOWING: ReadonlySet<string> = new Set([
  numfmt.TOKEN_DATETIME,
  numfmt.TOKEN_DURATION,
  numfmt.TOKEN_ZERO,
  numfmt.TOKEN_HASH,
  numfmt.TOKEN_QMARK,
  numfmt.TOKEN_GENERAL,
]);

/** A format has a section for positive numbers, then others: the first that shows the number says what the number is. */
function findSection(code: string): Token[] {
  const sections: Token[][] = [[]];
  for (const token of numfmt.tokenize(code)) {
    if (token.type === numfmt.TOKEN_BREAK) sections.push([]);
    else sections.at(-1)!.push(token);
  }
  return sections.find((tokens) => tokens.some(({ type }) => SHOWING.has(type))) ?? [];
}

function momentStyle(section: readonly Token[]): NumberStyle {
  const letters = section
    .filter(({ type }) => type === numfmt.TOKEN_DATETIME)
    .map(({ raw }) => raw.toLowerCase())
    .join('');
  const time = /[hs]/.test(letters);
  // An m beside hours or seconds means minutes.
  const date = /[^hsm]/.test(letters) || !time;
  if (date) return { kind: time ? 'datetime' : 'date' };
  return { kind: 'time' };
}

const PLACEHOLDERS: ReadonlySet<string> = new Set([numfmt.TOKEN_ZERO, numfmt.TOKEN_HASH, numfmt.TOKEN_QMARK]);
/** What may stand in a mask beside its digits: nothing that depends on the language or changes the number. */
const LITERALS: ReadonlySet<string> = new Set([
  numfmt.TOKEN_MINUS,
  numfmt.TOKEN_PLUS,
  numfmt.TOKEN_PAREN,
  numfmt.TOKEN_SPACE,
  numfmt.TOKEN_STRING,
  numfmt.TOKEN_ESCAPED,
  numfmt.TOKEN_CHAR,
]);
/** What shows nothing: colours, conditions, the width of a character. */
const INVISIBLE: ReadonlySet<string> = new Set([
  numfmt.TOKEN_COLOR,
  numfmt.TOKEN_CONDITION,
  numfmt.TOKEN_SKIP,
  numfmt.TOKEN_FILL,
]);

/**
 * A mask has leading zeros, or characters between its digits. A space between digits is no mark of a mask, since it may
 * group the digits of an ordinary number.
 */
function isMask(section: readonly Token[]): boolean {
  const shown = section.filter(({ type, raw }) => !INVISIBLE.has(type) && !/^\[\$-/.test(raw));
  if (!shown.every(({ type }) => PLACEHOLDERS.has(type) || LITERALS.has(type))) return false;
  const pattern = shown
    .map(({ type, raw }) =>
      type === numfmt.TOKEN_ZERO ? '0' : PLACEHOLDERS.has(type) ? '#' : /^\\?\s$/.test(raw) ? ' ' : '-',
    )
    .join('');
  return /0.*0/.test(pattern) || /[0#].*-.*[0#]/.test(pattern);
}

/** Shows a whole number in a mask; undefined where the mask would hide one of the number's digits. */
export function showInMask(value: number, code: string): string | undefined {
  if (!Number.isSafeInteger(value)) return undefined;
  const text = numfmt.format(code, value, { throws: false }).trim();
  const digits = String(Math.abs(value));
  return text.replace(/[^0-9]/g, '').endsWith(digits) ? text : undefined;
}
