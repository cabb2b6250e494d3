/** Writes records in the canonical form: UTF-8, comma, LF, quotes only where they are needed. */

export const CANONICAL_DELIMITER = ',';

/**
 * Writes one record with its LF. A latin1 view of bytes works as well: the grammar's characters are all ASCII.
 * @param quoted is true for a field that must stand in quotes, whatever it holds
 */
export function formatRecord(fields: readonly string[], quoted: readonly boolean[] = NONE): string {
  // A record of one empty field would be a blank line.
  if (fields.length === 1 && fields[0] === '') return '""\n';
  let line = '';
  for (let i = 0; i < fields.length; i += 1) {
    const text = fields[i]!;
    line += (i === 0 ? '' : CANONICAL_DELIMITER) + (quoted[i] === true ? quote(text) : formatField(text));
  }
  return `${line}\n`;
}

const NONE: readonly boolean[] = [];

function formatField(text: string): string {
  return /[",\r\n]/.test(text) ? quote(text) : text;
}

/**
 * Keeps the raw text of a record that could not be read in one row. The space after the closing quote is not allowed
 * there, so that the record fails as malformed when it is processed.
 */
export function formatMalformed(raw: string): string {
  return `${quote(raw)} \n`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
