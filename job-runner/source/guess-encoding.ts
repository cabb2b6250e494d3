/**
 * Guesses the encoding of a text that declares none and is not UTF-8 throughout. All bytes of the file count, since a
 * stray byte may stand anywhere. Three answers are possible: UTF-8 with a few wrong bytes, Windows-1252, or a refusal
 * that says what to declare. docs/files.md explains the rule to users.
 */
import type { Encoding } from '#api/source-format.ts';
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
const BEYOND_ASCII = /[\x80-\xff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters tell that a file is no text
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x19\x1b-\x1f]/g;

const SAMPLE_BYTES = 16 * 1024;
/** A line is judged in parts of this length, at most. */
const LONGEST_PART = 64 * 1024;

export async function gatherEvidence(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Evidence> {
  const collector = createCollector();
  let rest = '';
  for await (const piece of pieces) {
    const text = rest + piece.toString('latin1');
    const cut = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
    const end = cut === 0 && text.length > LONGEST_PART ? text.length - 3 : cut;
    collector.add(text.slice(0, end));
    rest = text.slice(end);
  }
  return collector.finish(rest);
}

/** The evidence of bytes that lie in memory, such as the beginning of a file. */
export function evidenceOf(bytes: Buffer): Evidence {
  return createCollector().finish(bytes.toString('latin1'));
}

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
  const add = (text: string): void => {
    evidence.length += text.length;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters tell that a file is no text
    for (const _ of text.matchAll(/\x00/g)) evidence.nuls += 1;
    for (const _ of text.matchAll(CONTROLS)) evidence.controls += 1;
    if (!BEYOND_ASCII.test(text)) return;
    let last = { end: -1, isStray: false };
    for (const { 0: bytes, 1: stray, index } of text.matchAll(SEQUENCE)) {
      const isStray = stray !== undefined;
      evidence[isStray ? 'strays' : 'sequences'] += 1;
      if (last.end === index && last.isStray !== isStray) evidence.neighbours += 1;
      last = { end: index + bytes.length, isStray };
    }
    for (const _ of text.matchAll(LIKELY_SEQUENCE)) evidence.likelySequences += 1;
    for (const _ of text.matchAll(MISSING)) evidence.missing += 1;
    const words = countWords(text);
    for (const _ of text.matchAll(/\x93/g)) judged.opening += 1;
    for (const _ of text.matchAll(/[\x84\x94]/g)) judged.closing += 1;
    const symbols = countSymbols(text);
    judged.fitting += words.fitting + symbols.fitting;
    judged.contradicting += words.contradicting + symbols.contradicting;
    if (sample.length >= SAMPLE_BYTES) return;
    for (const line of text.split(/[\r\n]+/)) if (BEYOND_ASCII.test(line)) sample += `${line.slice(0, 1024)}\n`;
  };
  return {
    add,
    finish(rest: string): Evidence {
      add(rest);
      // Opening quotation marks that nothing closes are the first bytes of other characters.
      if (judged.closing === 0) judged.contradicting += judged.opening;
      const cut = CUT_AT_END.exec(rest)?.[0].length ?? 0;
      const onlyCutAtEnd = evidence.strays > 0 && evidence.strays === cut;
      return { ...evidence, ...judged, onlyCutAtEnd, sample: Buffer.from(sample.slice(0, SAMPLE_BYTES), 'latin1') };
    },
  };
}

/**
 * A text of UTF-8 with wrong bytes has at least as many characters of UTF-8 as wrong bytes, and the wrong bytes stand
 * alone.
 */
function isUtf8WithMistakes(evidence: Evidence): boolean {
  const { sequences, likelySequences, strays, neighbours, onlyCutAtEnd } = evidence;
  if (strays === 0 || onlyCutAtEnd || sequences >= 10 * strays) return true;
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
