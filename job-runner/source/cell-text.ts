/** Turns what stands in a workbook's cell into a value, in the form that its field takes. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ValueKind } from '#runner/csv/typed-values.ts';
import { type NumberStyle, showInMask } from './number-format.ts';

export interface CellValue {
  kind: ValueKind;
  text: string;
}

export interface NumberContext {
  style: NumberStyle;
  /** True for a workbook that counts days from 1904 and not from 1900. */
  date1904: boolean;
  /** The type of the cell's field. */
  type: FieldType;
}

export type FieldType = RecordSchemaSpec['fields'][number]['type'];

/** @param raw the text of the cell's element `v` */
export function numberValue(raw: string, { style, date1904, type }: NumberContext): CellValue {
  const value = Number(raw);
  if (raw.trim() === '' || !Number.isFinite(value)) return { kind: 'text', text: raw };
  const number = (text: string): CellValue => ({ kind: 'number', text });
  switch (style.kind) {
    case 'plain':
      return number(plainNumber(raw, value));
    case 'mask':
      return number(maskedNumber(raw, value, { code: style.code, type }));
    case 'elapsed':
    case 'date':
    case 'datetime':
    case 'time':
    case 'moment': {
      const text = momentText(value, { kind: style.kind, date1904, type });
      return text === null ? number(plainNumber(raw, value)) : { kind: 'date', text };
    }
    default:
      throw new Error(style satisfies never);
  }
}

/** A number's field gets the digits alone, any other field what a person sees in the cell. */
function maskedNumber(raw: string, value: number, { code, type }: { code: string; type: FieldType }): string {
  const shown = showInMask(value, code);
  const fits = shown !== undefined && ((type !== 'number' && type !== 'integer') || /^-?[0-9]+$/.test(shown));
  return fits ? shown : plainNumber(raw, value);
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

const DAY_MS = 86_400_000;
/** The day 9999-12-31. */
const LAST_DAY = 2_958_465;
/** Days between day 0 of workbooks that count from 1900 and day 0 of those that count from 1904. */
const DAYS_TO_1904 = 1462;
/** The number of the day 1970-01-01 in a spreadsheet. */
const UNIX_DAY = 25_569;

type MomentKind = 'date' | 'datetime' | 'time' | 'moment' | 'elapsed';

/**
 * Writes a date or time by ISO 8601, exact to the millisecond, which is as much as a spreadsheet can show. The format
 * of the cell says whether the number is a date, a time or both; the type of the field decides where that leaves a
 * choice. @returns null for a number that is neither
 */
function momentText(
  serial: number,
  { kind, date1904, type }: { kind: MomentKind; date1904: boolean; type: FieldType },
): string | null {
  const ownMs = Math.round(serial * DAY_MS);
  const ms = ownMs + (date1904 ? DAYS_TO_1904 * DAY_MS : 0);
  const day = Math.floor(ms / DAY_MS);
  if (day < 0 || day > LAST_DAY) return null;
  const isTimeOfDay = ownMs >= 0 && ownMs < DAY_MS;
  if (type === 'duration' && (kind === 'elapsed' || (kind === 'time' && isTimeOfDay))) return durationText(ownMs);
  const time = timeText(ms - day * DAY_MS);
  if (kind === 'elapsed') return type === 'time' && isTimeOfDay ? time : null;
  const shown = kind !== 'moment' ? kind : isTimeOfDay ? 'time' : ms % DAY_MS === 0 ? 'date' : 'datetime';
  if (type === 'datetime' && (shown !== 'time' || !isTimeOfDay)) return `${dateText(day)}T${time}`;
  if (shown === 'time') return time;
  const dateOnly = shown === 'date' || (type === 'date' && ms % DAY_MS === 0);
  return dateOnly ? dateText(day) : `${dateText(day)}T${time}`;
}

/** Spreadsheets count days from two that never were: day 0 is 1900-01-00 and day 60 is 1900-02-29. */
function dateText(day: number): string {
  if (day === 0) return '1900-01-00';
  if (day === 60) return '1900-02-29';
  const unixDay = day - UNIX_DAY + (day < 60 ? 1 : 0);
  return new Date(unixDay * DAY_MS).toISOString().slice(0, 10);
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(11, ms % 1000 === 0 ? 19 : 23);
}

function durationText(ms: number): string {
  const part = (value: number, unit: string) => (value === 0 ? '' : `${value}${unit}`);
  const seconds = (ms % 60_000) / 1000;
  const text = part(Math.floor(ms / 3_600_000), 'H') + part(Math.floor(ms / 60_000) % 60, 'M') + part(seconds, 'S');
  return `PT${text || '0S'}`;
}

/** A date that is stored as text of ISO 8601, which some programs write. */
export function isoValue(text: string, type: FieldType): CellValue {
  if (type !== 'datetime') return { kind: 'date', text: text.replace(/T00:00:00(\.0+)?Z?$/, '') };
  return { kind: 'date', text: /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text };
}
