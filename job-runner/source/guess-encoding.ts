/**
 * Guesses the encoding of a text that declares none and is not UTF-8 throughout. All bytes of the file count, since a
 * stray byte may stand anywhere. Three answers are possible: UTF-8 with a few wrong bytes, Windows-1252, or a refusal
 * that says what to declare. docs/files.md explains the rule to users.
 */
import type { Encoding } from '#api/source-format.ts';
import { accentedLines, accentedPlaces } from './accented-places.ts';
import { CUT_AT_END, LIKELY_SEQUENCE, SEQUENCE } from './likely-utf8.ts';
import { formatFault } from './source-format.ts';
import { suggestEncodings } from './suggest-encodings.ts';
import { countSymbols, countWords } from './western-text.ts';

export interface Evidence {
  /** Characters of several bytes that are UTF-8, and those among them that texts often hold. */
  sequences: number;
  likelySequences: number;
  /** Bytes beyond ASCII that belong to no character of UTF-8. */
  strays: number;
  /** Places where a stray byte stands right beside a character of UTF-8, as in texts of other encodings. */
  neighbours: number;
  /** True when the only stray bytes are a character that the end of the file cuts off. */
  onlyCutAtEnd: boolean;
  /** Bytes that Windows-1252 does not have, and the currency sign, which no text of Windows-1252 holds. */
  missing: number;
  nuls: number;
  controls: number;
  length: number;
  /** Words and places that speak for Windows-1252, and those that speak against this encoding. */
  fitting: number;
  contradicting: number;
  opening: number;
  closing: number;
  /** Lines that hold bytes beyond ASCII, for suggestions. */
  sample: Buffer;
}

const MISSING = /[\x81\x8d\x8f\x90\x9d\xa4]/g;
/** NUL is a control character, too: such characters tell that a file is no text. */
const IS_CONTROL = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 && !['\t', '\n', '\r', '\x1a'].includes(String.fromCharCode(byte)) ? 1 : 0,
);

const SAMPLE_BYTES = 16 * 1024;
const SAMPLE_LINE_BYTES = 1024;
/** A file is judged in blocks of this size, however its bytes arrive, so that its verdict is always the same. */
const BLOCK_BYTES = 64 * 1024;
/** A line is judged in parts of this length, at most. */
const LONGEST_PART = 64 * 1024;

/**
 * Gathers the evidence of a file, from its start until UTF-8 is sure.
 * @param pieces stay valid while a block is gathered
 */
export async function gatherEvidence(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Evidence> {
  const collector = createCollector();
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const piece of pieces) {
    held.push(piece);
    heldBytes += piece.length;
    if (heldBytes < BLOCK_BYTES) continue;
    const bytes = Buffer.concat(held);
    let at = 0;
    for (; bytes.length - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
      collector.push(bytes.subarray(at, at + BLOCK_BYTES));
      if (collector.isSurelyUtf8()) return collector.finish();
    }
    held = [bytes.subarray(at)];
    heldBytes = bytes.length - at;
  }
  collector.push(Buffer.concat(held));
  return collector.finish();
}

/** The evidence of bytes that lie in memory, such as the beginning of a file. */
export function evidenceOf(bytes: Buffer): Evidence {
  const collector = createCollector();
  collector.push(bytes);
  return collector.finish();
}

/**
 * Tells whether the beginning of a file decides for UTF-8, so that the rest need not be looked at. A wrong "UTF-8" can
 * only fail records; a wrong guess of any other encoding would load nonsense.
 */
export function beginsSurelyAsUtf8(beginning: Buffer): boolean {
  const collector = createCollector();
  collector.push(beginning);
  return collector.isSurelyUtf8();
}

const NOTHING: Buffer = Buffer.alloc(0);

function createCollector() {
  const evidence = {
    sequences: 0,
    likelySequences: 0,
    strays: 0,
    neighbours: 0,
    missing: 0,
    nuls: 0,
    controls: 0,
    length: 0,
  };
  const judged = { fitting: 0, contradicting: 0, opening: 0, closing: 0 };
  let sample = '';
  let rest = NOTHING;
  const add = (bytes: Buffer): void => {
    evidence.length += bytes.length;
    countControls(bytes, evidence);
    const text = accentedPlaces(bytes);
    if (text === '') return;
    countSequences(text, evidence);
    for (const _ of text.matchAll(MISSING)) evidence.missing += 1;
    for (const _ of text.matchAll(/\x93/g)) judged.opening += 1;
    for (const _ of text.matchAll(/[\x84\x94]/g)) judged.closing += 1;
    for (const counts of [countWords(text), countSymbols(text)]) {
      judged.fitting += counts.fitting;
      judged.contradicting += counts.contradicting;
    }
    if (sample.length >= SAMPLE_BYTES) return;
    for (const line of accentedLines(bytes, SAMPLE_LINE_BYTES)) {
      sample += `${line}\n`;
      if (sample.length >= SAMPLE_BYTES) return;
    }
  };
  return {
    /** Adds the whole lines of the next bytes, and keeps the rest. */
    push(bytes: Buffer): void {
      const all = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
      const cut = Math.max(all.lastIndexOf(0x0a), all.lastIndexOf(0x0d)) + 1;
      const end = cut === 0 && all.length > LONGEST_PART ? all.length - 3 : cut;
      add(all.subarray(0, end));
      rest = Buffer.from(all.subarray(end));
    },
    isSurelyUtf8() {
      const { sequences, likelySequences, strays } = evidence;
      if (strays === 0) return false;
      if (sequences >= SURE_PER_STRAY * strays) return true;
      return likelySequences >= MANY_SEQUENCES && likelySequences >= LEAST_PER_STRAY * strays;
    },
    finish(): Evidence {
      add(rest);
      // Opening quotation marks that nothing closes are the first bytes of other characters.
      if (judged.closing === 0) judged.contradicting += judged.opening;
      const cut = CUT_AT_END.exec(rest.toString('latin1', Math.max(0, rest.length - 3)))?.[0].length ?? 0;
      const onlyCutAtEnd = evidence.strays > 0 && evidence.strays === cut;
      return { ...evidence, ...judged, onlyCutAtEnd, sample: Buffer.from(sample.slice(0, SAMPLE_BYTES), 'latin1') };
    },
  };
}

function countControls(bytes: Buffer, evidence: { nuls: number; controls: number }): void {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (IS_CONTROL[byte] === 0) continue;
    evidence.controls += 1;
    if (byte === 0) evidence.nuls += 1;
  }
}

function countSequences(
  text: string,
  evidence: Pick<Evidence, 'sequences' | 'likelySequences' | 'strays' | 'neighbours'>,
): void {
  let last = { end: -1, isStray: false };
  for (const { 0: bytes, 1: stray, index } of text.matchAll(SEQUENCE)) {
    const isStray = stray !== undefined;
    evidence[isStray ? 'strays' : 'sequences'] += 1;
    if (last.end === index && last.isStray !== isStray) evidence.neighbours += 1;
    last = { end: index + bytes.length, isStray };
  }
  for (const _ of text.matchAll(LIKELY_SEQUENCE)) evidence.likelySequences += 1;
}

/** So many characters of UTF-8 for each stray byte are no chance, however few they are and wherever the file is cut. */
const SURE_PER_STRAY = 100;
/** So many for each stray byte are no chance where they are many, or where all bytes of the file are known. */
const LEAST_PER_STRAY = 10;
const MANY_SEQUENCES = 1000;

/**
 * A text of UTF-8 with wrong bytes has at least as many characters of UTF-8 as wrong bytes, and the wrong bytes stand
 * alone.
 */
function isUtf8WithMistakes(evidence: Evidence): boolean {
  const { sequences, likelySequences, strays, neighbours, onlyCutAtEnd } = evidence;
  if (strays === 0 || onlyCutAtEnd || sequences >= LEAST_PER_STRAY * strays) return true;
  return likelySequences >= strays && neighbours === 0;
}

/** One contradiction is allowed for so many words that fit. */
const FITTING_PER_CONTRADICTION = 20;

/** @throws Fault (permanent, reason FormatNotSupported) for bytes that may be text in several encodings, or no text */
export function guessEncoding(evidence: Evidence): Encoding {
  if (isUtf8WithMistakes(evidence)) return 'utf-8';
  const { strays, missing, nuls, controls, length, fitting, contradicting, likelySequences } = evidence;
  if (nuls > 0)
    throw refusal('holds NUL bytes and is not UTF-8: it is UTF-16 without a byte order mark, or no text', [
      'utf-16le',
      'utf-16be',
    ]);
  if (controls * 10 > length) {
    throw formatFault(
      'FormatNotSupported',
      'The file is not text: save it as CSV, NDJSON (either may be compressed by gzip, zstd or ZIP) or .xlsx, and upload that.',
    );
  }
  const candidates = suggestEncodings(evidence.sample);
  if (likelySequences * 4 > strays && evidence.neighbours === 0) throw mixed(evidence, candidates);
  if (missing > 0)
    throw refusal(`is not UTF-8, and holds bytes that no text of Windows-1252 holds (${missing} bytes)`, candidates);
  if (contradicting * FITTING_PER_CONTRADICTION > fitting) {
    throw refusal(
      `is not UTF-8, and read as Windows-1252 its words would be of no language (${contradicting} places)`,
      candidates,
    );
  }
  return 'windows-1252';
}

function mixed({ likelySequences, strays }: Evidence, candidates: readonly Encoding[]) {
  const what = `mixes UTF-8 (${likelySequences} characters) with another encoding (${strays} bytes)`;
  return refusal(what, ['utf-8', ...candidates]);
}

function refusal(what: string, candidates: readonly Encoding[]) {
  const words = candidates.length > 0 ? candidates.join(', ') : 'windows-1252';
  return formatFault(
    'FormatNotSupported',
    `The file ${what}. Declare its encoding as spec.format.encoding in a new BatchUpload (candidates: ${words}), or save it as UTF-8 and upload that. A record with bytes that the declared encoding does not have fails alone.`,
  );
}
