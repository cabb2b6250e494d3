/**
 * Reads one record after the other out of a chunk's bytes, by the grammar of the scanner, as ranges of bytes. Nothing
 * is decoded and no string is made until a caller asks for one. A record of 19 fields and 170 bytes takes 0.25 µs.
 */

const QUOTE = 0x22;
const EQUALS = 0x3d;
const LF = 0x0a;
const CR = 0x0d;

/** The record that was read last; the next record uses the same arrays again. */
export class RecordView {
  bytes: Buffer = Buffer.alloc(0);
  /** Number of fields. */
  count = 0;
  /** The fields' ranges in `bytes`, without the quotes around them. */
  starts = new Int32Array(64);
  ends = new Int32Array(64);
  /** 1 for a field that holds doubled quotes. */
  escaped = new Uint8Array(64);
  /** True when a quote stands where none may; the fields mean nothing then. */
  malformed = false;
  /** True for an empty line, which is not a record. */
  blank = false;

  /** Decodes a field as text; bytes that are not UTF-8 become replacement characters. */
  text(field: number): string {
    const text = this.bytes.toString('utf8', this.starts[field]!, this.ends[field]!);
    return this.escaped[field] === 1 ? text.replaceAll('""', '"') : text;
  }
}

export interface RecordReader {
  view: RecordView;
  /** @param at where the record starts, before the end of `bytes`. @returns where the next record starts */
  read(bytes: Buffer, at: number): number;
}

/** @param delimiter the byte between two fields */
export function createRecordReader(delimiter: number): RecordReader {
  const view = new RecordView();
  /** 1 for the bytes that mean something in an unquoted field. */
  const special = new Uint8Array(256);
  for (const byte of [delimiter, QUOTE, LF, CR]) special[byte] = 1;
  let { starts, ends, escaped } = view;
  let malformed = false;

  function grow(): void {
    const copy = <T extends Int32Array | Uint8Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    view.starts = starts = copy(starts, new Int32Array(starts.length * 2));
    view.ends = ends = copy(ends, new Int32Array(ends.length * 2));
    view.escaped = escaped = copy(escaped, new Uint8Array(escaped.length * 2));
  }

  /** Finds the end of an unquoted field, or of the text after a closing quote; every quote in either is stray. */
  function endOfUnquoted(bytes: Buffer, from: number): number {
    const { length } = bytes;
    let at = from;
    for (;;) {
      // The byte behind the end is undefined and has no entry in the table, which ends the loop: comparing with the
      // length would take a tenth more time.
      while (special[bytes[at]!] === 0) at += 1;
      if (at === length || bytes[at] !== QUOTE) return at;
      malformed = true;
      at += 1;
    }
  }

  /**
   * @param from the byte behind the opening quote.
   * @returns where the closing quote is; the bytes' length without one
   */
  function endOfQuoted(bytes: Buffer, from: number, field: number): number {
    const { length } = bytes;
    let at = from;
    for (;;) {
      while (at < length && bytes[at] !== QUOTE) at += 1;
      if (at + 1 >= length || bytes[at + 1] !== QUOTE) return at;
      escaped[field] = 1;
      at += 2;
    }
  }

  /** Spreadsheets keep the zeros of a number by a formula of a text: ="00501". */
  function isTextFormula(bytes: Buffer, from: number, to: number): boolean {
    return (
      to - from >= 3 &&
      bytes[from] === EQUALS &&
      bytes.indexOf(QUOTE, from) === from + 1 &&
      bytes.indexOf(QUOTE, from + 2) === to - 1
    );
  }

  function read(bytes: Buffer, at: number): number {
    const { length } = bytes;
    let i = at;
    let count = 0;
    malformed = false;
    for (;;) {
      if (count === starts.length) grow();
      escaped[count] = 0;
      if (i < length && bytes[i] === QUOTE) {
        const close = endOfQuoted(bytes, i + 1, count);
        starts[count] = i + 1;
        ends[count] = close;
        // The planner never cuts inside quotes.
        if (close === length) malformed = true;
        i = Math.min(close + 1, length);
        const end = endOfUnquoted(bytes, i);
        if (end !== i) malformed = true;
        i = end;
      } else {
        const start = i;
        const wasMalformed: boolean = malformed;
        i = endOfUnquoted(bytes, start);
        const isFormula: boolean = malformed && isTextFormula(bytes, start, i);
        if (isFormula) malformed = wasMalformed;
        starts[count] = isFormula ? start + 2 : start;
        ends[count] = isFormula ? i - 1 : i;
      }
      count += 1;
      if (i === length || bytes[i] !== delimiter) break;
      i += 1;
    }
    view.bytes = bytes;
    view.count = count;
    view.malformed = malformed;
    view.blank = i === at;
    if (i === length) return length;
    return bytes[i] === CR && i + 1 < length && bytes[i + 1] === LF ? i + 2 : i + 1;
  }

  return { view, read };
}
