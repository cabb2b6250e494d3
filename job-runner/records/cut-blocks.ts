/** Cuts a file's bytes, however they come in pieces, into blocks of whole records. */
import { createRecordScanner } from '#runner/csv/scanner.ts';

export interface BlockCutterOptions {
  /** The character between two fields. */
  delimiter: string;
  maxRecordBytes: number;
  /** The row number of the file's first row. */
  firstRowNumber: number;
  /** Called once, with the bytes of the file's first record. */
  onHeader(bytes: Buffer): void;
}

export interface Block {
  /** Whole records and the blank lines between them. */
  bytes: Buffer;
  firstRowNumber: number;
}

export interface BlockCutter {
  /**
   * @returns the records behind the header that end in the piece; null when none does.
   * @throws Fault as the scanner's `push` does
   */
  push(piece: Buffer): Block | null;
  /** @returns the last record where the file ends without an end of line. @throws Fault as the scanner's `end` does */
  end(): Block | null;
}

export function createBlockCutter({ onHeader, ...options }: BlockCutterOptions): BlockCutter {
  /** The bytes that are kept, and where the first of them lies in the file. */
  let pieces: Buffer[] = [];
  let keptFrom = 0;
  let headerSeen = false;
  let found: { start: number; end: number; firstRowNumber: number } | null = null;

  const scanner = createRecordScanner({
    ...options,
    delimiter: options.delimiter.charCodeAt(0),
    onRecord(start, end, rowNumber) {
      if (!headerSeen) {
        headerSeen = true;
        onHeader(take(start, end));
      } else if (found === null) found = { start, end, firstRowNumber: rowNumber };
      else found.end = end;
    },
  });

  /** Takes the bytes [start, end) of the file, and forgets those before. */
  function take(start: number, end: number): Buffer {
    const kept = Buffer.concat(pieces);
    pieces = [kept.subarray(end - keptFrom)];
    const taken = kept.subarray(start - keptFrom, end - keptFrom);
    keptFrom = end;
    return taken;
  }

  function takeFound(): Block | null {
    if (found === null) return null;
    const { start, end, firstRowNumber } = found;
    found = null;
    return { bytes: take(start, end), firstRowNumber };
  }

  return {
    push(piece) {
      pieces.push(Buffer.from(piece));
      scanner.push(piece);
      return takeFound();
    },
    end() {
      scanner.end();
      return takeFound();
    },
  };
}
