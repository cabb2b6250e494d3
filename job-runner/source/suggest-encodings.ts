/** Finds encodings in which bytes may be text, for a message. A person decides; the runner never does. */
import type { Encoding } from '#api/source-format.ts';
import { createTranscoder } from './transcode.ts';

/** The encodings that files come in most often; where two fit alike, the earlier one is named first. */
const FREQUENT: readonly Encoding[] = [
  'windows-1251',
  'koi8-r',
  'cp866',
  'windows-1250',
  'iso-8859-2',
  'cp852',
  'cp850',
  'cp437',
  'macintosh',
  'windows-1254',
  'windows-1253',
  'windows-1255',
  'windows-1256',
  'windows-1257',
  'windows-874',
  'shift_jis',
  'euc-jp',
  'gbk',
  'big5',
  'euc-kr',
  'windows-1252',
];
const MOST = 5;

export function suggestEncodings(sample: Buffer): Encoding[] {
  return FREQUENT.map((encoding) => ({ encoding, share: shareOfLetters(sample, encoding) }))
    .filter(({ share }) => share > 0.5)
    .sort((a, b) => b.share - a.share)
    .slice(0, MOST)
    .map(({ encoding }) => encoding);
}

const SCRIPTS = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Hebrew}|\p{Script=Arabic}/u,
];

/** The share of the characters beyond ASCII that stand in words of one script, written as people write words. */
function shareOfLetters(sample: Buffer, encoding: Encoding): number {
  const transcoder = createTranscoder(encoding);
  const text = Buffer.concat([transcoder.push(sample), transcoder.end()]).toString('utf8');
  if (/[\ufffd\x80-\x9f]/.test(text)) return 0;
  const beyond = text.match(/[\u0080-\u{10ffff}]/gu)?.length ?? 0;
  let good = 0;
  for (const [word] of text.matchAll(/[\p{L}\p{M}]+/gu)) {
    const scripts = SCRIPTS.filter((script) => script.test(word)).length;
    const isStrange =
      scripts > 1 || /\p{Ll}\p{Lu}/u.test(word) || (word.length > 1 && /^\p{Lu}\p{Lu}+\p{Ll}/u.test(word));
    if (!isStrange) good += word.match(/[\u0080-\u{10ffff}]/gu)?.length ?? 0;
  }
  return beyond === 0 ? 0 : good / beyond;
}
