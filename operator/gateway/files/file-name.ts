/** Which names a file may have. Pure. */

export const MAX_NAME_BYTES = 255;

/** Each rule: a part of a name that it forbids, and what a sender is told. */
const RULES: [RegExp, string][] = [
  [/[/\\]/, 'must not contain / or \\: send the name of the file without its folders'],
  [/^\./, 'must not begin with a dot'],
  // A person may see the name in a table: a spreadsheet computes such a text, also with the wide forms of the signs.
  [
    /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/,
    'must not begin with =, +, - or @, which make a spreadsheet take the name for a formula: give the file a name that begins with a letter or a digit',
  ],
  [/[<>"]/, 'must not contain <, > or ", of which a page makes HTML: give the file a name without them'],
  // XML, in which storages list their keys, has no form for U+FFFE and U+FFFF.
  [
    /[\p{Cc}\u2028\u2029\uFFFE\uFFFF]/u,
    'must not contain control characters or line breaks: give the file a name without them',
  ],
  [/[\u202A-\u202E\u2066-\u2069]/, 'must not contain characters that turn the direction of the text around them'],
  // In the key of an HTML form the storage would put the name that the browser sends in this place.
  [/\$\{filename\}/i, `must not contain \${filename}`],
];

/** @returns the rule that the name breaks; null when a file may have the name. A name is never changed. */
export function refuseFileName(name: string): string | null {
  if (name === '') return 'must not be empty';
  if (!name.isWellFormed()) return 'must be valid Unicode: it has half a surrogate pair';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    return `must not be longer than ${MAX_NAME_BYTES} bytes in UTF-8: it has ${Buffer.byteLength(name)}`;
  }
  return RULES.find(([forbidden]) => forbidden.test(name))?.[1] ?? null;
}
