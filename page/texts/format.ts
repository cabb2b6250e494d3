/** Numbers, sizes and times as a language writes them. Pure. */
import type { Language } from './text.ts';

const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat | Intl.ListFormat>();

/** Making a formatter takes longer than using it. */
function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat | Intl.ListFormat>(
  key: string,
  make: () => T,
): T {
  const known = formats.get(key);
  if (known !== undefined) return known as T;
  const made = make();
  formats.set(key, made);
  return made;
}

/** Spanish groups the digits of numbers with four digits, too, so that numbers in a column look alike. */
export function formatNumber(language: Language, value: number): string {
  return kept(`number ${language}`, () => new Intl.NumberFormat(language, { useGrouping: 'always' })).format(value);
}

/** @param share 0 to 1; what is not all is never shown as 100 % */
export function formatPercent(language: Language, share: number): string {
  const floored = Math.floor(share * 100) / 100;
  return kept(`percent ${language}`, () => new Intl.NumberFormat(language, { style: 'percent' })).format(floored);
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Sizes as file managers show them, in steps of 1,000. */
export function formatBytes(language: Language, bytes: number): string {
  let value = bytes;
  let step = 0;
  // From 999.5 on, the next unit is shorter.
  while (value >= 999.5 && step < UNITS.length - 1) {
    value /= 1000;
    step += 1;
  }
  const unit = UNITS[step]!;
  const maximumFractionDigits = value < 10 && step > 0 ? 1 : 0;
  const style = { style: 'unit', unit, unitDisplay: step === 0 ? 'long' : 'short', maximumFractionDigits } as const;
  return kept(
    `bytes ${language} ${unit} ${maximumFractionDigits}`,
    () => new Intl.NumberFormat(language, style),
  ).format(value);
}

/** @param at ISO 8601. @returns the date and the time of day in the person's own time zone; the text itself if it is no time */
export function formatMoment(language: Language, at: string, timeZone?: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const zone = timeZone === undefined ? {} : { timeZone };
  const style = { dateStyle: 'medium', timeStyle: 'short', ...zone } as const;
  return kept(`moment ${language} ${timeZone ?? ''}`, () => new Intl.DateTimeFormat(language, style)).format(date);
}

const AGES = [
  { unit: 'day', ms: 86_400_000 },
  { unit: 'hour', ms: 3_600_000 },
  { unit: 'minute', ms: 60_000 },
] as const;

/** How long ago a moment was, such as `5 minutes ago`. Clocks may differ a little, so that the future counts as now. */
export function formatAge(language: Language, at: string, now: number): string {
  const ageMs = now - Date.parse(at);
  if (Number.isNaN(ageMs)) return at;
  const format = kept(`age ${language}`, () => new Intl.RelativeTimeFormat(language, { numeric: 'auto' }));
  const { unit, ms } = AGES.find((age) => ageMs >= age.ms) ?? { unit: 'second', ms: Number.POSITIVE_INFINITY };
  return format.format(-Math.floor(Math.max(0, ageMs) / ms), unit);
}

/** A time that something takes, with its two largest units: `3 hr 5 min`, `2 min`, `40 sec`. */
export function formatDuration(language: Language, seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return unitOf(language, whole, 'second');
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return unitOf(language, minutes, 'minute');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(language, unitOf(language, hours, 'hour'), minutes % 60, 'minute');
  return joined(language, unitOf(language, Math.floor(hours / 24), 'day'), hours % 24, 'hour');
}

function joined(language: Language, first: string, rest: number, unit: 'hour' | 'minute'): string {
  return rest === 0 ? first : formatList(language, [first, unitOf(language, rest, unit)], 'unit');
}

function unitOf(language: Language, value: number, unit: 'second' | 'minute' | 'hour' | 'day'): string {
  const style = { style: 'unit', unit, unitDisplay: 'long' } as const;
  return kept(`${unit} ${language}`, () => new Intl.NumberFormat(language, style)).format(value);
}

/** Names in a row: `a, b and c`. */
export function formatList(
  language: Language,
  items: readonly string[],
  type: 'conjunction' | 'disjunction' | 'unit' = 'conjunction',
): string {
  return kept(`list ${language} ${type}`, () => new Intl.ListFormat(language, { type, style: 'long' })).format(items);
}
