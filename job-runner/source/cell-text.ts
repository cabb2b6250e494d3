/** Turns the number in a workbook's cell into the text that a person would type for it. Pure. */

/** How a cell's number format shows the number. */
export type NumberStyle =
  | { kind: 'plain' | 'date' | 'datetime' | 'time' }
  /** A format of zeros only, such as one for ZIP codes, shows 501 as 00501. */
  | { kind: 'padded'; digits: number };

const PLAIN: NumberStyle = { kind: 'plain' };

/**
 * @param id the format's id; a format with an id below 164 has no code of its own.
 * Source: ECMA-376 part 1, 18.8.30 (numFmt); the formats of other languages (27 to 58) are all dates.
 */
export function readNumberFormat(id: number, code: string | undefined): NumberStyle {
  if (code === undefined) {
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58)) return { kind: 'date' };
    if (id === 22) return { kind: 'datetime' };
    return (id >= 18 && id <= 21) || id === 45 || id === 47 ? { kind: 'time' } : PLAIN;
  }
  if (/^0{2,}$/.test(code)) return { kind: 'padded', digits: code.length };
  // Literals, padding and brackets (colours, languages, conditions) are not letters of the format.
  const letters = code
    .replace(/"[^"]*"|\\.|_.|\*./g, '')
    .split(';')[0]!
    .toLowerCase();
  // An elapsed time is a number of hours, not a time of the day.
  if (/\[(h+|m+|s+)\]/.test(letters) || letters.trim() === 'general') return PLAIN;
  const rest = letters.replace(/\[[^\]]*\]/g, '').replace(/am\/pm|a\/p/g, '');
  const time = /[hs]/.test(rest);
  // An m beside hours or seconds means minutes.
  const date = /[yd]/.test(rest) || (!time && rest.includes('m'));
  if (date) return { kind: time ? 'datetime' : 'date' };
  return time ? { kind: 'time' } : PLAIN;
}

/**
 * @param raw the text of the cell's element `v`.
 * @param date1904 true for a workbook that counts days from 1904 and not from 1900.
 */
export function numberText(raw: string, style: NumberStyle, date1904: boolean): string {
  const value = Number(raw);
  if (raw.trim() === '' || !Number.isFinite(value)) return raw;
  switch (style.kind) {
    case 'plain':
      return plainNumber(raw, value);
    case 'padded':
      return Number.isInteger(value) && value >= 0
        ? plainNumber(raw, value).padStart(style.digits, '0')
        : plainNumber(raw, value);
    case 'date':
    case 'datetime':
    case 'time':
      return dateText(value, style.kind, date1904) ?? plainNumber(raw, value);
    default:
      throw new Error(style satisfies never);
  }
}

/**
 * Writes a number without an exponent and with the 15 digits that a spreadsheet shows: 0.1 + 0.2 is stored as
 * 0.30000000000000004. Whole numbers stay as they are: some programs write identifiers of more than 15 digits.
 */
function plainNumber(raw: string, value: number): string {
  if (/^-?\d+$/.test(raw)) return raw;
  const text = String(Number(value.toPrecision(15)));
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign, first, rest = '', exponent] = match as unknown as [string, string, string, string | undefined, string];
  const shift = Number(exponent);
  const digits = first + rest;
  return shift < 0 ? `${sign}0.${'0'.repeat(-shift - 1)}${digits}` : sign + digits.padEnd(shift + 1, '0');
}

const SECONDS_OF_DAY = 86_400;
/** The day 9999-12-31. */
const LAST_DAY = 2_958_465;
/** Days between day 0 of workbooks that count from 1900 and day 0 of those that count from 1904. */
const DAYS_TO_1904 = 1462;
/** The number of the day 1970-01-01 in a spreadsheet. */
const UNIX_DAY = 25_569;

/**
 * Writes a date or time by ISO 8601; null for a number that is not a date. As in every spreadsheet, day 60 is
 * 1900-02-29, a day that never was.
 */
function dateText(serial: number, kind: 'date' | 'datetime' | 'time', date1904: boolean): string | null {
  const seconds = Math.round((serial + (date1904 ? DAYS_TO_1904 : 0)) * SECONDS_OF_DAY);
  const day = Math.floor(seconds / SECONDS_OF_DAY);
  if (day < 0 || day > LAST_DAY) return null;
  const time = new Date((seconds - day * SECONDS_OF_DAY) * 1000).toISOString().slice(11, 19);
  if (kind === 'time') return time;
  const unixDay = day - UNIX_DAY + (day < 60 ? 1 : 0);
  const date = day === 60 ? '1900-02-29' : new Date(unixDay * SECONDS_OF_DAY * 1000).toISOString().slice(0, 10);
  return kind === 'date' ? date : `${date}T${time}`;
}
