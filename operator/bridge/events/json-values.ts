/** Reads a JSON value of unknown shape. */

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(parent: Json, name: string): Json | null {
  const value = parent[name];
  return isObject(value) ? value : null;
}

export function textAt(parent: Json, name: string): string | null {
  const value = parent[name];
  return typeof value === 'string' ? value : null;
}

/** Accepts a number or a text of digits, since Ceph documents its sizes as texts. */
export function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : null;
}

const YEAR_1 = Date.parse('0001-01-01T00:00:00Z');

/** ISO 8601 in UTC; null for any other text, and for the year 0, which PostgreSQL does not have. */
export function timeOf(text: string | null): string | null {
  if (text === null || !/^\d{4}-\d\d-\d\dT/.test(text)) return null;
  const time = new Date(text);
  return time.getTime() >= YEAR_1 ? time.toISOString() : null;
}
