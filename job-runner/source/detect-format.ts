/**
 * Detects the format of a file from its first bytes. The format that spec.format declares wins, unless the bytes
 * contradict it beyond doubt; the ending of the object's key is only a hint. Pure.
 */
import type { FileSchema } from '#api/file-schema.ts';
import type { Compression, DeclaredFormat, Dialect, Encoding, SourceType } from '#api/source-format.ts';
import { allowsUnknown, createFieldFinder } from '#runner/csv/header.ts';
import { isUtf8Portable } from '#runner/csv/utf8.ts';
import { refuseKnown, refuseNulTail, refuseOtherTables } from './known-formats.ts';
import { createDialectReader } from './read-dialect.ts';
import { findSepLine, type SepLine } from './sep-line.ts';
import { completeDialect, DELIMITERS, declaredOtherwise, formatFault } from './source-format.ts';
import { findFraming, type JsonFraming } from './split-json.ts';
import { createTranscoder } from './transcode.ts';

/** This many decompressed bytes at the beginning of a file decide its format. */
export const SAMPLE_BYTES = 64 * 1024;

/** Only the directory at the archive's end tells a workbook from another ZIP archive. */
export type Container = Compression | 'workbook or zip';

const MAGIC: readonly [bytes: string, container: 'gzip' | 'zstd' | 'workbook or zip'][] = [
  ['\x1f\x8b', 'gzip'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['PK\x03\x04', 'workbook or zip'],
  ['PK\x05\x06', 'workbook or zip'],
];

/**
 * @param head the object's first bytes as they are stored.
 * @throws Fault (permanent, reason FormatMismatch, FormatNotSupported)
 */
export function detectContainer(head: Buffer, declared: DeclaredFormat): Container {
  const start = head.toString('latin1', 0, 16);
  const found = containerOf(start);
  if (found === 'none') refuseKnown(head, 'The object is');
  const wanted = declared.type === 'xlsx' ? 'zip' : declared.compression;
  const fits = wanted === undefined || wanted === found || (wanted === 'zip' && found === 'workbook or zip');
  const workbook = found === 'workbook or zip' && (declared.type ?? 'xlsx') === 'xlsx';
  if (fits || (declared.compression === 'none' && workbook)) return found;
  const what = declared.type === 'xlsx' ? 'type xlsx' : `compression ${declared.compression}`;
  throw declaredOtherwise(
    `${what}, but the object ${found === 'none' ? 'is not compressed' : `is ${found === 'workbook or zip' ? 'a ZIP' : `compressed by ${found}`}`}`,
  );
}

/** A file of zstd may begin with frames that readers skip. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the format's own bytes
const SKIPPABLE_FRAME = /^[\x50-\x5f]\x2a\x4d\x18/;

function containerOf(start: string): Container {
  const found = MAGIC.find(([bytes]) => start.startsWith(bytes))?.[1];
  return found ?? (SKIPPABLE_FRAME.test(start) ? 'zstd' : 'none');
}

export interface Sample {
  /** The first {@link SAMPLE_BYTES} of the decompressed content, or all of a shorter content. */
  bytes: Buffer;
  /** True when `bytes` are the whole content. */
  complete: boolean;
  /** The object's key, whose ending decides where the bytes do not. */
  key: string;
}

export type Content =
  | { type: 'ndjson'; encoding: Encoding; framing: JsonFraming }
  | { type: 'csv'; encoding: Encoding; dialect: Dialect; sepLine: SepLine | null };

/**
 * @param guess the encoding of a text that declares none, has no byte order mark, and is not UTF-8 in the sample;
 * default: the guess from the sample alone
 * @throws Fault (permanent, reason FormatMismatch, FormatNotSupported)
 */
export function detectContent(
  sample: Sample,
  declared: DeclaredFormat,
  schema: FileSchema,
  guess: Encoding = 'utf-8',
): Content {
  const encoding = findEncoding(sample, declared) ?? guess;
  const transcoder = createTranscoder(encoding);
  const text = Buffer.concat([transcoder.push(sample.bytes), sample.complete ? transcoder.end() : Buffer.alloc(0)]);
  if (detectType({ ...sample, bytes: text }, declared) === 'ndjson') {
    return { type: 'ndjson', encoding, framing: requireFraming(text) };
  }
  const sepLine = findSepLine(text);
  const { delimiter = sepLine?.delimiter } = declared.dialect ?? {};
  const known = delimiter === undefined ? declared : { ...declared, dialect: { ...declared.dialect, delimiter } };
  const table = text.subarray(sepLine?.bytes ?? 0);
  const dialect = detectDialect(table, { key: sample.key, declared: known, schema });
  return { type: 'csv', encoding, dialect, sepLine };
}

const MARKS: readonly [bytes: string, encoding: Encoding][] = [
  ['\xef\xbb\xbf', 'utf-8'],
  ['\xff\xfe', 'utf-16le'],
  ['\xfe\xff', 'utf-16be'],
];

/**
 * Finds the encoding that is declared, that a byte order mark tells, or that is UTF-8 as far as the sample goes.
 * @returns null for a text that is not UTF-8, so that all of its bytes must be looked at (`guessEncoding`)
 * @throws Fault (permanent, reason FormatMismatch, FormatNotSupported)
 */
export function findEncoding(sample: Sample, declared: DeclaredFormat): Encoding | null {
  const start = sample.bytes.toString('latin1', 0, 16);
  refuseKnown(sample.bytes, 'The file is');
  if (containerOf(start) !== 'none') {
    throw formatFault(
      'FormatNotSupported',
      'The object is packed twice: upload the file inside, with one compression or none.',
    );
  }
  const marked = MARKS.find(([bytes]) => start.startsWith(bytes))?.[1];
  if (declared.encoding && marked && declared.encoding !== marked) {
    throw declaredOtherwise(`encoding ${declared.encoding}, but the file begins with the byte order mark of ${marked}`);
  }
  const encoding = declared.encoding ?? marked;
  if (encoding) return encoding;
  if (sample.complete) refuseNulTail(sample.bytes);
  refuseNuls(sample.bytes);
  if (isUtf8Portable(sample.complete ? sample.bytes : withoutCutSequence(sample.bytes))) return 'utf-8';
  // The JSON standard demands UTF-8: unless another encoding is declared, bytes that are not UTF-8 are mistakes.
  return detectType(sample, declared) === 'ndjson' ? 'utf-8' : null;
}

/** Latin letters have a NUL as every other byte in UTF-16, and three NULs of four bytes in UTF-32. */
function refuseNuls(bytes: Buffer): void {
  const start = bytes.subarray(0, 4).toString('latin1');
  const nuls = bytes.includes(0) ? count(bytes, (byte) => byte === 0) : 0;
  if (start === '\x00\x00\xfe\xff' || (nuls * 10 >= bytes.length * 6 && bytes.length >= 8)) {
    throw formatFault('FormatNotSupported', 'The file is UTF-32: save it as UTF-8, and upload that.');
  }
  const throughout = nuls * 4 >= bytes.length && nuls >= 2;
  if (!throughout && !(nuls >= 2 && hasWideLines(bytes))) return;
  throw formatFault(
    'FormatNotSupported',
    'The file holds NUL bytes throughout: it is UTF-16 without a byte order mark, or no text. Declare spec.format.encoding utf-16le or utf-16be in a new BatchUpload, or save it as CSV in UTF-8.',
  );
}

/** In UTF-16 every end of a line has its NUL, and the NULs stand at even places only or at odd places only. */
function hasWideLines(bytes: Buffer): boolean {
  const odd = count(bytes, (byte, i) => byte === 0 && i % 2 === 1);
  const even = count(bytes, (byte, i) => byte === 0 && i % 2 === 0);
  const parity = odd > even ? 1 : 0;
  if (Math.min(odd, even) * 20 > Math.max(odd, even)) return false;
  const ends = count(bytes, (byte) => byte === 0x0a || byte === 0x0d);
  return (
    ends > 0 &&
    ends ===
      count(bytes, (byte, i) => {
        const isEnd = byte === 0x0a || byte === 0x0d;
        return isEnd && i % 2 !== parity && bytes[parity === 1 ? i + 1 : i - 1] === 0;
      })
  );
}

function count(bytes: Buffer, matches: (byte: number, i: number) => boolean): number {
  let found = 0;
  for (let i = 0; i < bytes.length; i += 1) if (matches(bytes[i]!, i)) found += 1;
  return found;
}

/** Drops a character of several bytes that the end of the sample may have cut. */
function withoutCutSequence(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back);
    if (byte < 0x80) break;
  }
  return bytes;
}

const withoutMark = (bytes: Buffer) => bytes.toString('utf8').replace(/^\ufeff/, '');

function detectType({ bytes, complete, key }: Sample, { type, dialect }: DeclaredFormat): SourceType {
  const text = withoutMark(bytes);
  const start = text.trimStart();
  const [first = '', next] = start.split('\n', 2);
  const isSequence = start.startsWith('\u001e');
  if (type === 'ndjson' && first !== '' && !first.startsWith('{') && !isSequence && !isArray(first)) {
    throw declaredOtherwise('type ndjson, but the first line of the file is not a JSON object');
  }
  if (type !== 'ndjson' && (type || dialect)) return type ?? 'csv';
  if (isArray(first)) {
    throw formatFault(
      'FormatNotSupported',
      'The file is one JSON array: write one object a line (NDJSON, by jq -c .[]), and upload that. For a CSV, declare spec.format.type csv.',
    );
  }
  if (type || isSequence) return 'ndjson';
  if (!first.startsWith('{')) return 'csv';
  const cut = next === undefined && !complete;
  if (cut || isJson(first) || /\.(ndjson|jsonl)\b/i.test(key)) return 'ndjson';
  return findFraming(start) === 'lines' ? 'csv' : 'ndjson';
}

const isArray = (first: string) => /^\[\s*(\{|$)/.test(first);

/** @throws Fault (permanent, reason FormatNotSupported) */
function requireFraming(text: Buffer): JsonFraming {
  const framing = findFraming(withoutMark(text));
  if (framing) return framing;
  throw formatFault(
    'FormatNotSupported',
    'The file holds JSON objects over several lines: write one object a line (NDJSON, by jq -c .), and upload that.',
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Chooses the delimiter that gives the header with most fields of the schema. Counting characters would be wrong where
 * texts hold them.
 */
function detectDialect(
  text: Buffer,
  { key, declared, schema }: { key: string; declared: DeclaredFormat; schema: FileSchema },
): Dialect {
  const first = /\.(tsv|tab)\b/i.test(key) ? '\t' : ',';
  if (declared.dialect?.delimiter !== undefined) return completeDialect(declared.dialect, first);
  const fieldOf = createFieldFinder(schema);
  const ordinary = completeDialect(declared.dialect, first);
  const candidates = [...new Set([first, ...DELIMITERS])].map((delimiter) => {
    const dialect = { ...ordinary, delimiter };
    const { names, isCut } = readHeader(text, dialect);
    const fields = new Set(names.map((name) => fieldOf(name)?.field).filter((field) => field !== undefined)).size;
    return { dialect, fields, names: isCut ? names.length : 0 };
  });
  // A header that is longer than the sample may have the schema's fields at its end.
  const best = (by: 'fields' | 'names') => candidates.reduce((a, b) => (b[by] > a[by] ? b : a));
  if (!allowsUnknown(schema)) refuseOtherTables(firstLine(text), (name) => fieldOf(name) !== null);
  return best(best('fields').fields > 0 ? 'fields' : 'names').dialect;
}

const firstLine = (text: Buffer) => /[^\s][^\r\n]*/.exec(text.toString('utf8', 0, HEADER_STEP))?.[0] ?? '';

const HEADER_STEP = 512;

/** Reads the fields of the first record, as far as the sample holds that record. */
function readHeader(text: Buffer, dialect: Dialect): { names: string[]; isCut: boolean } {
  let header: string[] | null = null;
  const reader = createDialectReader({
    dialect,
    maxRecordBytes: Number.POSITIVE_INFINITY,
    onBlank: () => undefined,
    onRecord({ bytes, ends }) {
      header ??= ends.map((end, i) => bytes.toString('utf8', ends[i - 1] ?? 0, end));
    },
  });
  // Most headers lie in the first step; the rest of the sample is read only for longer ones.
  for (let from = 0; from < text.length && header === null; from += HEADER_STEP)
    reader.push(text.subarray(from, from + HEADER_STEP));
  const isCut = header === null;
  if (isCut) reader.end();
  return { names: header ?? [], isCut };
}
