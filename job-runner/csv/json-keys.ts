/** Finds objects of JSON that have one key twice: most parsers keep the last of the values, and PostgreSQL's jsonb, too. */

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** @param text valid JSON. @returns how many keys are written in it, at any depth and however they are spelled */
export function countKeys(text: string): number {
  let keys = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = endOfString(text, i);
    else if (char === COLON) keys += 1;
  }
  return keys;
}

/**
 * Looks at any depth, and at keys as they are read, however they are spelled.
 * @returns any answer for a text that is not JSON. @throws SyntaxError for some of these texts
 */
export function hasKeyTwice(text: string): boolean {
  // The keys of the objects that are open, each set made with its first key.
  const open: (Set<string> | null)[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) {
      start = i;
      i = endOfString(text, i);
    } else if (char === OPEN) open.push(null);
    else if (char === CLOSE) open.pop();
    else if (char === COLON && open.length > 0) {
      const key = readString(text.slice(start, endOfString(text, start) + 1));
      const keys = open.at(-1) ?? new Set();
      if (keys.has(key)) return true;
      open[open.length - 1] = keys.add(key);
    }
  }
  return false;
}

/** @param start the place of a quote. @returns the place of the quote that ends the string */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  for (; end < text.length; end += 1) {
    const char = text.charCodeAt(end);
    if (char === QUOTE) break;
    if (char === BACKSLASH) end += 1;
  }
  return end;
}

function readString(quoted: string): string {
  return quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1);
}
