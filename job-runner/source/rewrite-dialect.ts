/**
 * Rewrites records of an unusual dialect in the canonical one. Each record, blank line or comment of the file is one
 * row of the output.
 *
 * csv-parse cannot do this: it drops unreadable records without a row of their own, escapes only inside quotes, and
 * does not say which rows were blank. In the tests of this file csv-parse is the oracle, wherever it knows the dialect.
 *
 * | state       | delimiter  | quote                | escape          | end of line | other    |
 * |-------------|------------|----------------------|-----------------|-------------|----------|
 * | fieldStart  | fieldStart | quoted               | next is literal | end         | unquoted |
 * | unquoted    | fieldStart | malformed            | next is literal | end         | unquoted |
 * | quoted      | quoted     | quoteInside          | next is literal | quoted      | quoted   |
 * | quoteInside | fieldStart | quoted (doubleQuote) | malformed       | end         | malformed|
 */
import type { Dialect } from '#api/source-format.ts';
import { recordTooLong } from './source-format.ts';
import { formatMalformed, formatRecord } from './write-csv.ts';

type State = 'fieldStart' | 'unquoted' | 'quoted' | 'quoteInside' | 'comment';

export interface RewriteOptions {
  dialect: Dialect;
  maxRecordBytes: number;
  /** Writes a record's fields; default: the canonical form. */
  format?: (fields: string[]) => string;
}

/** @param input bytes cut anywhere, in UTF-8 or not. @throws Fault FILE_RECORD_TOO_LONG */
export async function* rewriteDialect(
  input: AsyncIterable<Buffer>,
  options: RewriteOptions,
): AsyncGenerator<Buffer, void, void> {
  const rewriter = createDialectRewriter(options);
  for await (const piece of input) yield Buffer.from(rewriter.push(piece.toString('latin1')), 'latin1');
  yield Buffer.from(rewriter.end(), 'latin1');
}

/** Works on a latin1 view of the bytes: each character is a byte, and bytes that are not text pass unchanged. */
export function createDialectRewriter({ dialect, maxRecordBytes, format = formatRecord }: RewriteOptions): {
  push(text: string): string;
  end(): string;
} {
  const { delimiter, quoteChar, doubleQuote, escapeChar, commentChar, skipInitialSpace } = dialect;
  let state: State = 'fieldStart';
  let fields: string[] = [];
  let field = '';
  let raw = '';
  let malformed = false;
  let escaped = false;
  let afterCr = false;
  let row = 1;
  let output = '';

  function endRecord(): void {
    if (raw === '' || state === 'comment') output += '\n';
    else output += malformed ? formatMalformed(raw) : format([...fields, field]);
    state = 'fieldStart';
    fields = [];
    field = raw = '';
    malformed = false;
    row += 1;
  }

  /** Takes a character that is neither a delimiter nor the end of a line outside of quotes. */
  function takeOther(char: string): void {
    const isQuote = char === quoteChar;
    if (state === 'quoteInside') {
      // Anything but a doubled quote makes the record malformed; its end is then found as in an unquoted field.
      malformed ||= !(isQuote && doubleQuote);
      state = malformed ? 'unquoted' : 'quoted';
    } else if (isQuote && state === 'fieldStart') {
      state = 'quoted';
      return;
    } else if (isQuote && state === 'quoted') {
      state = 'quoteInside';
      return;
    } else if (state === 'fieldStart') {
      if (char === ' ' && skipInitialSpace) return;
      state = 'unquoted';
    }
    malformed ||= isQuote && state === 'unquoted';
    field += char;
  }

  function take(char: string): void {
    const quoted = state === 'quoted';
    if (escaped) {
      escaped = false;
      field += char;
    } else if (char === escapeChar && state !== 'quoteInside') {
      escaped = true;
      if (state === 'fieldStart') state = 'unquoted';
    } else if (char === delimiter && !quoted) {
      fields.push(field);
      field = '';
      state = 'fieldStart';
    } else takeOther(char);
  }

  function next(char: string): void {
    const followsCr = afterCr;
    afterCr = false;
    if (followsCr && char === '\n') return;
    if ((char === '\n' || char === '\r') && state !== 'quoted' && !escaped) {
      endRecord();
      afterCr = char === '\r';
      return;
    }
    if (raw === '' && char === commentChar) state = 'comment';
    raw += char;
    if (state !== 'comment') take(char);
    // A comment is no record, but has the same limit.
    if (raw.length > maxRecordBytes) throw recordTooLong(row, maxRecordBytes);
  }

  let mark = BOM;
  return {
    push(text) {
      output = '';
      let from = 0;
      // The byte order mark may come in pieces; characters that only looked like its beginning are text.
      while (mark !== '' && from < text.length) {
        if (text[from] === mark[0]) {
          mark = mark.slice(1);
          from += 1;
          continue;
        }
        for (const char of BOM.slice(0, BOM.length - mark.length)) next(char);
        mark = '';
      }
      for (let i = from; i < text.length; i += 1) next(text[i]!);
      return output;
    },
    end() {
      output = '';
      if (mark !== '') for (const char of BOM.slice(0, BOM.length - mark.length)) next(char);
      mark = '';
      // A quote that is still open at the end of the file stays open: the scanner reports it with the row.
      malformed ||= escaped;
      if (state === 'quoted') output += `"${field.replaceAll('"', '""')}`;
      else if (raw !== '') endRecord();
      return output;
    },
  };
}

const BOM = '\xef\xbb\xbf';
