/** A wall-clock time in ms as ISO 8601 with whole seconds, as Kubernetes writes times: `2026-01-31T12:00:00Z`. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
