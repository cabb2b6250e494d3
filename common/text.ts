/** Texts for a status: cut to a length, cleaned, and counted. */

/** Replaces control characters by spaces, and cuts the text to at most `maxBytes` of JSON without its quotes. */
export function cutText(text: string, maxBytes: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a control character takes six bytes as JSON
  const clean = text.toWellFormed().replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ');
  if (jsonBytes(clean) <= maxBytes) return clean;
  let low = 0;
  let high = Math.min(clean.length, maxBytes);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (jsonBytes(clean.slice(0, middle).toWellFormed()) <= maxBytes - 3) low = middle;
    else high = middle - 1;
  }
  // The cut must not split a surrogate pair.
  const end = /[\ud800-\udbff]/.test(clean[low - 1] ?? '') ? low - 1 : low;
  return `${clean.slice(0, end)}…`;
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}

/** Examples: `1 record`, `2 records`, `1,000 records`. */
export function count(n: number, singular: string): string {
  return `${n.toLocaleString('en')} ${singular}${n === 1 ? '' : 's'}`;
}
