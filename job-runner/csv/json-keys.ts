/** Finds objects of JSON that have one key twice: most parsers keep the last of the values, and PostgreSQL's jsonb, too. */

/** A text of JSON, or a colon outside of texts, which stands behind a key. */
const TEXT_OR_COLON = /"(?:[^"\\]|\\.)*"|:/g;

/** @param text valid JSON. @returns how many keys are written in it, at any depth and however they are spelled */
export function countKeys(text: string): number {
  let keys = 0;
  for (const [found] of text.matchAll(TEXT_OR_COLON)) if (found === ':') keys += 1;
  return keys;
}

/** @param value what the JSON `text` was parsed to */
export function hasKeyTwice(text: string, value: unknown): boolean {
  const keys = countKeys(text);
  return keys > 1 && keys !== countMembers(value);
}

function countMembers(value: unknown): number {
  let members = 0;
  const left = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    const children = Object.values(next);
    if (!Array.isArray(next)) members += children.length;
    for (const child of children) left.push(child);
  }
  return members;
}
