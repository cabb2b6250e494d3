/**
 * Reads dates and times in formats of strptime, such as %d.%m.%Y, and gives ISO 8601. The formats are a subset of
 * https://pubs.opengroup.org/onlinepubs/9799919799/functions/strptime.html, with Python's %f and %z.
 */
import { isDay } from './calendar.ts';
import { SchemaError } from './schema-error.ts';

export type Kind = 'date' | 'time' | 'datetime';

export interface CompiledFormat {
  /** January 31st 2025, 14:05:09, written in the format. */
  example: string;
  /** @returns YYYY-MM-DD, hh:mm:ss or YYYY-MM-DDThh:mm:ss, with a fraction and a zone where the format has them */
  read(text: string): string | undefined;
  /** Writes such a value in the format, without what the format has no word for; undefined for another text. */
  write(value: string): string | undefined;
}

type Part = 'year' | 'month' | 'day' | 'hour' | 'half' | 'minute' | 'second' | 'fraction' | 'zone';

interface Directive {
  part: Part;
  /** The least and the greatest number of digits. */
  digits?: [number, number];
  pattern?: string;
  example: string;
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const ABBREVIATIONS = MONTHS.map((name) => name.slice(0, 3).toLowerCase());
const anyCase = (text: string) => text.replace(/[a-z]/gi, (char) => `[${char.toUpperCase()}${char.toLowerCase()}]`);
const MONTH_NAME = MONTHS.map((name) => `${anyCase(name.slice(0, 3))}(?:${anyCase(name.slice(3))})?`).join('|');

/** A month's name is English, short or long, in upper or lower case; numbers of two digits may omit a leading zero. */
const DIRECTIVES: Record<string, Directive> = {
  Y: { part: 'year', digits: [4, 4], example: '2025' },
  y: { part: 'year', digits: [2, 2], example: '25' },
  m: { part: 'month', digits: [1, 2], example: '01' },
  b: { part: 'month', pattern: MONTH_NAME, example: 'Jan' },
  B: { part: 'month', pattern: MONTH_NAME, example: 'January' },
  d: { part: 'day', digits: [1, 2], example: '31' },
  H: { part: 'hour', digits: [1, 2], example: '14' },
  I: { part: 'hour', digits: [1, 2], example: '02' },
  p: { part: 'half', pattern: '[AaPp][Mm]', example: 'PM' },
  M: { part: 'minute', digits: [1, 2], example: '05' },
  S: { part: 'second', digits: [1, 2], example: '09' },
  f: { part: 'fraction', digits: [1, 6], example: '5' },
  z: { part: 'zone', pattern: 'Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]', example: '+01:00' },
};

const DATE_PARTS: readonly Part[] = ['year', 'month', 'day'];
const TIME_PARTS: readonly Part[] = ['hour', 'half', 'minute', 'second', 'fraction'];
const PARTS: Record<Kind, readonly Part[]> = {
  // A date may stand before a time, which is read and then left out.
  date: [...DATE_PARTS, ...TIME_PARTS, 'zone'],
  time: TIME_PARTS,
  datetime: [...DATE_PARTS, ...TIME_PARTS, 'zone'],
};
const ALL_PARTS = PARTS.datetime;
const NEEDED: Record<Kind, readonly Part[]> = {
  date: DATE_PARTS,
  time: ['hour', 'minute'],
  datetime: [...DATE_PARTS, 'hour', 'minute'],
};

/** @throws SchemaError */
export function compileFormat(format: string, kind: Kind, path: string): CompiledFormat {
  const tokens = format.match(/%[\s\S]?|[^%]/g) ?? [];
  checkTokens(tokens, kind, path);
  const directives = tokens.map(directiveOf);
  const isDigit = (i: number) => directives[i]?.digits !== undefined || /^[0-9]$/.test(tokens[i] ?? '');
  const source = tokens.map((token, i) => {
    const directive = directives[i];
    if (!directive) return escapeLiteral(token);
    const { digits, pattern } = directive;
    if (!digits) return `(${pattern})`;
    // Beside other digits only a fixed width tells where the number ends.
    const least = isDigit(i - 1) || isDigit(i + 1) ? digits[1] : digits[0];
    return `([0-9]{${least},${digits[1]}})`;
  });
  const expression = new RegExp(`^${source.join('')}$`);
  const parts = directives.flatMap((directive) => directive?.part ?? []);
  const groups = Object.fromEntries(ALL_PARTS.map((part) => [part, parts.indexOf(part) + 1 || -1])) as Groups;
  const write = WRITERS[kind];
  return {
    example: tokens.map((token, i) => directives[i]?.example ?? literal(token)).join(''),
    read(text) {
      const found = expression.exec(text);
      return found === null ? undefined : write(found, groups);
    },
    write: (value) => writeTokens(value, tokens),
  };
}

function directiveOf(token: string): Directive | undefined {
  return token.startsWith('%') ? DIRECTIVES[token.slice(1)] : undefined;
}

function literal(token: string): string {
  return token === '%%' ? '%' : token;
}

function escapeLiteral(token: string): string {
  return literal(token).replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
}

function checkTokens(tokens: readonly string[], kind: Kind, path: string): void {
  const allowed = Object.keys(DIRECTIVES).filter((name) => PARTS[kind].includes(DIRECTIVES[name]!.part));
  const words = allowed.map((name) => `%${name}`).join(' ');
  const found = new Set<string>();
  for (const token of tokens) {
    if (!token.startsWith('%') || token === '%%') continue;
    const directive = directiveOf(token);
    if (!directive || !allowed.includes(token.slice(1)))
      throw new SchemaError(path, `has ${token}: the words of a ${kind} are ${words} and %% for a percent sign`);
    if (found.has(directive.part)) throw new SchemaError(path, `has the ${directive.part} twice`);
    found.add(directive.part);
  }
  const missing = NEEDED[kind].filter((part) => !found.has(part));
  if (missing.length > 0)
    throw new SchemaError(path, `lacks the ${missing.join(', ')}: the words of a ${kind} are ${words}`);
  if (found.has('half') !== tokens.includes('%I'))
    throw new SchemaError(path, '%I and %p go together: the hour from 1 to 12, and AM or PM');
  const needsHour = TIME_PARTS.concat('zone').find((part) => part !== 'hour' && found.has(part));
  if (needsHour && !found.has('hour')) throw new SchemaError(path, `has the ${needsHour} without the hour`);
  if (found.has('fraction') && !found.has('second')) throw new SchemaError(path, 'has %f without %S');
}

const ISO =
  /^(?:([0-9]{4})-([0-9]{2})-([0-9]{2}))?T?(?:([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?)?(Z|[+-][0-9:]+)?$/;

function writeTokens(value: string, tokens: readonly string[]): string | undefined {
  const found = ISO.exec(value);
  if (found === null) return undefined;
  const [, Y = '', m = '', d = '', H = '', M = '', S = '', f = '0', z = 'Z'] = found;
  const month = MONTHS[Number(m) - 1] ?? '';
  const words: Record<string, string> = { Y, m, d, H, M, S, f, z, y: Y.slice(2), b: month.slice(0, 3), B: month };
  words['I'] = twoDigits(String(Number(H) % 12 || 12));
  words['p'] = Number(H) < 12 ? 'AM' : 'PM';
  return tokens
    .map((token) => (token.startsWith('%') && token !== '%%' ? words[token.slice(1)]! : literal(token)))
    .join('');
}

/** The number of each part's group; -1 for a part that the format lacks. Named groups would double the time. */
type Groups = Record<Part, number>;
type Writer = (found: RegExpExecArray, groups: Groups) => string | undefined;

const WRITERS: Record<Kind, Writer> = {
  date: (found, groups) => (hasTime(groups) && !writeTime(found, groups) ? undefined : writeDate(found, groups)),
  time: writeTime,
  datetime(found, groups) {
    const date = writeDate(found, groups);
    const time = writeTime(found, groups);
    const zone = found[groups.zone]?.replace(/^(...)(..)$/, '$1:$2') ?? '';
    return date && time && `${date}T${time}${zone}`;
  },
};

const hasTime = (groups: Groups) => groups.hour !== -1;

function writeDate(found: RegExpExecArray, groups: Groups): string | undefined {
  const year = readYear(found[groups.year]!);
  const month = readMonth(found[groups.month]!);
  const day = found[groups.day]!;
  if (!isDay(Number(year), Number(month), Number(day))) return undefined;
  return `${year}-${twoDigits(month)}-${twoDigits(day)}`;
}

/** By POSIX, 69 to 99 belong to the 20th century and 00 to 68 to the 21st. */
function readYear(text: string): string {
  if (text.length === 4) return text;
  return text >= '69' ? `19${text}` : `20${text}`;
}

function readMonth(text: string): string {
  return text.length < 3 ? text : String(ABBREVIATIONS.indexOf(text.slice(0, 3).toLowerCase()) + 1);
}

function writeTime(found: RegExpExecArray, groups: Groups): string | undefined {
  const half = found[groups.half];
  const minute = found[groups.minute] ?? '00';
  const second = found[groups.second] ?? '00';
  const fraction = found[groups.fraction];
  let hours = Number(found[groups.hour]);
  if (half !== undefined) {
    if (hours < 1 || hours > 12) return undefined;
    hours = (hours % 12) + (/^p/i.test(half) ? 12 : 0);
  }
  if (hours > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const time = `${twoDigits(String(hours))}:${twoDigits(minute)}:${twoDigits(second)}`;
  return fraction === undefined ? time : `${time}.${fraction}`;
}

function twoDigits(text: string): string {
  return text.length === 1 ? `0${text}` : text;
}
