/** The fields of one record's text, by the grammar of the scanner. */
export interface SplitRecord {
  /** Doubled quotes have become single ones. The fields of a malformed record are a best guess. */
  fields: string[];
  /** True when a quote stands where none may; the record fails then. */
  malformed: boolean;
}

/** Removes the end of the line: LF, CRLF or CR. */
export function withoutLineEnd(text: string): string {
  let end = text.length;
  if (text.charCodeAt(end - 1) === 0x0a) end -= 1;
  if (text.charCodeAt(end - 1) === 0x0d) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

/** @param text a record without its end of line */
export function splitRecord(text: string, delimiter = ','): SplitRecord {
  // In a record without a quote, as most are, every delimiter ends a field.
  if (!text.includes('"')) return { fields: text.split(delimiter), malformed: false };
  const fields: string[] = [];
  let malformed = false;
  let at = 0;
  for (;;) {
    const field = text.charCodeAt(at) === 0x22 ? readQuoted(text, at, delimiter) : readUnquoted(text, at, delimiter);
    fields.push(field.value);
    malformed ||= field.malformed;
    if (field.end >= text.length) return { fields, malformed };
    at = field.end + 1;
  }
}

const TEXT_FORMULA = /^="([^"]*)"$/;

interface Field {
  value: string;
  /** The index of the delimiter after the field, or the text's length. */
  end: number;
  malformed: boolean;
}

function readUnquoted(text: string, start: number, delimiter: string): Field {
  const next = text.indexOf(delimiter, start);
  const end = next === -1 ? text.length : next;
  const value = text.slice(start, end);
  // Spreadsheets keep the zeros of a number by a formula of a text: ="00501".
  const formula = TEXT_FORMULA.exec(value)?.[1];
  return formula === undefined
    ? { value, end, malformed: value.includes('"') }
    : { value: formula, end, malformed: false };
}

function readQuoted(text: string, start: number, delimiter: string): Field {
  let at = start + 1;
  let value = '';
  for (;;) {
    const quote = text.indexOf('"', at);
    // Such a text is malformed, since the scanner never ends a record inside quotes.
    if (quote === -1) return { value: value + text.slice(at), end: text.length, malformed: true };
    value += text.slice(at, quote);
    if (text.charCodeAt(quote + 1) === 0x22) {
      value += '"';
      at = quote + 2;
      continue;
    }
    const next = quote + 1;
    if (next >= text.length || text[next] === delimiter) return { value, end: next, malformed: false };
    const rest = readUnquoted(text, next, delimiter);
    return { value: value + rest.value, end: rest.end, malformed: true };
  }
}
