/**
 * Records of an unusual dialect, rewritten in the canonical one: one record, blank line or comment is one row of each.
 *
 * Not csv-parse: it drops what it cannot read without a row of its own, escapes only inside quotes, and does not say
 * which rows were blank. It is the oracle of this file's test, wherever it knows the dialect.
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
  /** Writes a record's fields; default: in the canonical form. */
  format?: (fields: string[]) => string;
}

/** Bytes of UTF-8 (or not) in, cut anywhere. @throws Fault FILE_RECORD_TOO_LONG */
export async function* rewriteDialect(
  input: AsyncIterable<Buffer>,
  options: RewriteOptions,
): AsyncGenerator<Buffer, void, void> {
  const rewriter = createDialectRewriter(options);
  for await (const piece of input) yield Buffer.from(rewriter.push(piece.toString('latin1')), 'latin1');
  yield Buffer.from(rewriter.end(), 'latin1');
}

/** Over a latin1 view of the bytes: a character is a byte, and what is not text goes through as it is. */
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

  /** Not a delimiter, not the end of a line outside of quotes. */
  function takeOther(char: string): void {
    const isQuote = char === quoteChar;
    if (state === 'quoteInside') {
      // Whatever follows, the record is spoilt; its end is found as in an unquoted field.
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
    // A comment is nobody's record, but has to end some time too.
    if (raw.length > maxRecordBytes) throw recordTooLong(row, maxRecordBytes);
  }

  let mark = BOM;
  return {
    push(text) {
      output = '';
      let from = 0;
      // The mark may come in pieces; where it is none, what was held back is text.
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
      // Open at the end of the file: the scanner says so, with the row.
      malformed ||= escaped;
      if (state === 'quoted') output += `"${field.replaceAll('"', '""')}`;
      else if (raw !== '') endRecord();
      return output;
    },
  };
}

const BOM = '\xef\xbb\xbf';
