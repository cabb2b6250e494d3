/** Records in the canonical form: UTF-8, comma, LF, quotes only where they are needed. */

export const CANONICAL_DELIMITER = ',';

/** One record with its LF. Works on a latin1 view of bytes as well: nothing of the grammar is outside of ASCII. */
export function formatRecord(fields: readonly string[]): string {
  // A record of one empty field would be a blank line.
  if (fields.length === 1 && fields[0] === '') return '""\n';
  let line = '';
  for (let i = 0; i < fields.length; i += 1) line += (i === 0 ? '' : CANONICAL_DELIMITER) + formatField(fields[i]!);
  return `${line}\n`;
}

function formatField(text: string): string {
  return /[",\r\n]/.test(text) ? quote(text) : text;
}

/**
 * A record that could not be read, its raw text kept in one row: the space after the closing quote stands where nothing
 * may, so that the record fails as malformed when it is processed.
 */
export function formatMalformed(raw: string): string {
  return `${quote(raw)} \n`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
