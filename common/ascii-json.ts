/** Writes JSON with ASCII characters alone: a database that is not in UTF-8 has not every other character. */
export function asciiJson(value: unknown): string {
  return toAscii(JSON.stringify(value));
}

/** Rewrites JSON so. */
export function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
