/** Cuts a stream of JSON texts into the texts. Each text is a row of the file, a blank one too. */

const LF = 0x0a;
const RECORD_SEPARATOR = 0x1e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * How one text follows another: each on its line (NDJSON), each behind a record separator (RFC 7464), or each right
 * behind the one before, as queues and log shippers write them.
 */
export type JsonFraming = 'lines' | 'sequence' | 'concatenated';

export interface JsonSplitter {
  /** @returns the texts that end in the piece; they share its memory, or are copies */
  push(piece: Buffer): Buffer[];
  /** @returns the text that the end of the file ends; null where there is none */
  end(): Buffer | null;
  /** How many bytes of the text that has not ended yet are kept. */
  readonly heldBytes: number;
}

export function createJsonSplitter(framing: JsonFraming): JsonSplitter {
  return framing === 'concatenated' ? createObjectSplitter() : createSeparatorSplitter(framing);
}

function createSeparatorSplitter(framing: 'lines' | 'sequence'): JsonSplitter {
  const separator = framing === 'lines' ? LF : RECORD_SEPARATOR;
  const held = createHeldBytes();
  // The first text of a sequence comes behind the first separator.
  let isBegun = framing === 'lines';
  return {
    push(piece) {
      const texts: Buffer[] = [];
      let from = 0;
      for (let at = piece.indexOf(separator); at !== -1; at = piece.indexOf(separator, from)) {
        const text = held.take(piece.subarray(from, at));
        if (isBegun || !isBlank(text)) texts.push(text);
        isBegun = true;
        from = at + 1;
      }
      held.add(piece.subarray(from));
      return texts;
    },
    end: () => (held.length > 0 ? held.take(Buffer.alloc(0)) : null),
    get heldBytes() {
      return held.length;
    },
  };
}

/** An object ends with the brace that closes it; what stands between objects and is no space ends with its line. */
function createObjectSplitter(): JsonSplitter {
  const held = createHeldBytes();
  let state: 'between' | 'object' | 'string' | 'escaped' | 'junk' = 'between';
  let depth = 0;

  function next(byte: number): boolean {
    switch (state) {
      case 'between':
        if (byte === 0x7b) {
          state = 'object';
          depth = 1;
        } else if (!isSpace(byte)) state = 'junk';
        return false;
      case 'junk':
        if (byte !== LF) return false;
        state = 'between';
        return true;
      case 'escaped':
        state = 'string';
        return false;
      case 'string':
        if (byte === BACKSLASH) state = 'escaped';
        else if (byte === QUOTE) state = 'object';
        return false;
      case 'object':
        if (byte === QUOTE) state = 'string';
        else if (byte === 0x7b) depth += 1;
        else if (byte === 0x7d) depth -= 1;
        if (depth > 0) return false;
        state = 'between';
        return true;
      default:
        throw new Error(state satisfies never);
    }
  }

  return {
    push(piece) {
      const texts: Buffer[] = [];
      let from = 0;
      for (let i = 0; i < piece.length; i += 1) {
        const isEnd = next(piece[i]!);
        if (isEnd) texts.push(held.take(piece.subarray(from, i + 1)));
        if (isEnd || state === 'between') from = i + 1;
      }
      held.add(piece.subarray(from));
      return texts;
    },
    end: () => (held.length > 0 ? held.take(Buffer.alloc(0)) : null),
    get heldBytes() {
      return held.length;
    },
  };
}

function createHeldBytes() {
  let parts: Buffer[] = [];
  let length = 0;
  return {
    add(bytes: Buffer): void {
      if (bytes.length > 0) parts.push(bytes);
      length += bytes.length;
    },
    take(end: Buffer): Buffer {
      const whole = parts.length === 0 ? end : Buffer.concat([...parts, end]);
      parts = [];
      length = 0;
      return whole;
    },
    get length() {
      return length;
    },
  };
}

const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === RECORD_SEPARATOR;

function isBlank(text: Buffer): boolean {
  return text.every((byte) => isSpace(byte)) || text.equals(Buffer.from([0xef, 0xbb, 0xbf]));
}

/**
 * Finds the framing of a text that begins with a brace or a record separator.
 * @param text the beginning of the file, without a byte order mark
 * @returns null for an object over several lines, which must be written on one line
 */
export function findFraming(text: string): JsonFraming | null {
  const start = text.trimStart();
  if (start.startsWith('\x1e')) return 'sequence';
  const splitter = createJsonSplitter('concatenated');
  const [first, second] = splitter.push(Buffer.from(start));
  if (!first || !isObject(first.toString())) return /^\{\s*[\r\n]/.test(start) ? null : 'lines';
  if (/[\r\n]/.test(first.toString())) return null;
  const line = start.split('\n', 1)[0]!;
  const rest = line.slice(first.toString().length).trim();
  return rest !== '' && (rest.startsWith('{') || second !== undefined) ? 'concatenated' : 'lines';
}

function isObject(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
