/** These checks find what a column of dates or times has no room for; column-fit.ts has the table. */
import type { Fit } from './column-fit.ts';

/** PostgreSQL keeps this many digits of a second unless a type says fewer. */
const MOST_DIGITS = 6;

/** A fraction behind 12:00:00, T120000, or 120000 that a day or nothing precedes. */
const SECONDS = /(?::[0-9]{2}|T[0-9]{6}|(?:^|\s)[0-9]{6})[.,]([0-9]*[1-9])/i;
/** The seconds of an interval: 00:00:01.5, 1.5 seconds, PT1.5S, or 1.5 alone. */
const SECONDS_OF_INTERVAL = /[0-9][.,]([0-9]*[1-9])0*\s*(?:s[a-z]*\b|$)/i;

interface FractionOptions {
  /** A longer fraction is rounded to microseconds, which is known, unless the column is a key. */
  isKey: boolean;
  isInterval?: boolean;
}

/** @param most how many digits the type says; -1: none */
export function keepsFraction(most: number, { isKey, isInterval = false }: FractionOptions): Fit | null {
  const kept = most === -1 ? MOST_DIGITS : Math.min(most, MOST_DIGITS);
  if (kept === MOST_DIGITS && !isKey) return null;
  const seconds = isInterval ? SECONDS_OF_INTERVAL : SECONDS;
  return {
    loses(text) {
      const [, digits = ''] = seconds.exec(text) ?? [];
      return digits.length > kept ? `keeps ${kept} digits of a fraction of a second, and the value has more` : null;
    },
  };
}

/** 12:00, T1200, or digits alone behind a whole day. */
const TIME = /[0-9]:[0-9]|[0-9]T[0-9]|(?:\b[0-9]{6}|\b[0-9]{8}|[0-9][-/.][0-9a-z]+[-/.][0-9]+)\s+[0-9]{4,6}\b/i;

export const LOSES_TIME: Fit = {
  loses: (text) => (TIME.test(text) ? 'keeps a day, and the value has a time of the day' : null),
};

/** A day with separators, with the name of a month, or as eight digits; six digits are a day where a time follows. */
const DAY =
  /[0-9][-/.][0-9a-z]+[-/.][0-9]|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|(?<![.,0-9])(?:[0-9]{8}(?![0-9])|[0-9]{6}[T ]\s*[0-9])/i;

export const LOSES_DAY: Fit = {
  loses: (text) => (DAY.test(text) ? 'keeps a time of the day, and the value has a day' : null),
};

/** What follows 12:00:00, T120000, or digits alone at the begin or behind a day. */
const BEHIND_TIME =
  /(?:[0-9]:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]*)?)?|(?:^\s*[0-9]{6}|(?:[0-9]\s|T)[0-9]{4,6})(?:[.,][0-9]*)?)(?![0-9])(.*)$/is;
const OFFSET = /[+-][0-9]{1,2}(?::?[0-9]{2})*\s*$/;
/** A date behind a time, whose last number looks like an offset; PostgreSQL decides on such a text: 10:15 08-Jan-2024. */
const DATE = /(?<!\S)(?:[0-9]{1,6}|[a-z]{3,9})-(?:[0-9]{1,2}|[a-z]{3,9})-[0-9]{1,6}/gi;
const WORD = /[a-z][a-z_/]*/gi;
/** Words behind a time that name no zone, or the one that sessions of a load have. */
const NO_ZONES =
  /^(?:am|pm|bc|ad|z|zulu|utc|gmt|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]*)$/i;

/** PostgreSQL ignores the zone of a text for a column without a zone. */
export const LOSES_OFFSET: Fit = {
  loses(text) {
    const behind = BEHIND_TIME.exec(text)?.[1]?.replaceAll(DATE, '');
    if (!behind) return null;
    const isZoned = OFFSET.test(behind) || behind.match(WORD)?.some((word) => !NO_ZONES.test(word));
    return isZoned ? 'keeps no offset from UTC, and the value has one' : null;
  },
};

/** PostgreSQL stores the second 60 as the next one, and the time of the load for such a word. */
export const LOSES_WORDS: Fit = {
  loses(text) {
    if (/(?::[0-9]{1,2}:|(?:T|^|\s)[0-9]{4})60(?![0-9])/i.test(text))
      return 'has no leap second, and the value has one';
    return /\b(?:now|today|tomorrow|yesterday)\b/i.test(text)
      ? 'would get the time of the load for a word such as now or today'
      : null;
  },
};

export const IN_UTC: Fit = { loses: () => null, convert: toUtc };

/** @param text a datetime in ISO 8601, whose zone may be missing. @returns the same moment in UTC, without a zone */
function toUtc(text: string): string {
  const [, moment, fraction = '', zone] = /^(.{19})(\.[0-9]+)?([+-][0-9:]{5})$/.exec(text) ?? [];
  if (zone === undefined) return text;
  return `${new Date(`${moment}${zone}`).toISOString().slice(0, -'.000Z'.length)}${fraction}`;
}
