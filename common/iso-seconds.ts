/** A wall-clock time in ms as ISO 8601 with whole seconds, as Kubernetes writes times: `2026-01-31T12:00:00Z`. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** The same for a time that may be none, or none of the years 0 to 9999, which alone a field of the format date-time holds; null then. */
export function dateTime(time: Date | null): string | null {
  if (time === null || Number.isNaN(time.getTime())) return null;
  const text = isoSeconds(time.getTime());
  return /^\d/.test(text) ? text : null;
}
