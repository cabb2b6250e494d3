import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import { ENCODINGS, type Encoding } from '#api/source-format.ts';
import { characterTable } from '#runner/source/single-byte.ts';
import { createGuessedTranscoder, createTranscoder, encodeText, transcode } from '#runner/source/transcode.ts';
import { collect, piecesOf } from './pieces.ts';

const run = (encoding: Encoding, bytes: Buffer, cuts?: readonly number[]) =>
  collect(transcode(piecesOf(bytes, cuts), createTranscoder(encoding)));

const utf16 = (text: string, bigEndian: boolean) => {
  const bytes = Buffer.from(text, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
};

/** Any code units; half of them are surrogates, alone or in pairs. */
const units = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff })))
  .map((all) => String.fromCharCode(...all));

describe.each<[Encoding, string]>([
  ['windows-1256', 'windows-1256'],
  ['koi8-r', 'koi8-r'],
  ['iso-8859-2', 'iso-8859-2'],
  ['macintosh', 'macintosh'],
  ['utf-16le', 'utf-16le'],
  ['utf-16be', 'utf-16be'],
  ['utf-8', 'utf-8'],
])('%s', (encoding, label) => {
  it('gives what Node’s own decoder gives, where the bytes are text', async () => {
    const decoder = new TextDecoder(label, { ignoreBOM: true, fatal: true });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (input) => {
        const bytes = Buffer.from(input);
        let text: string;
        try {
          text = decoder.decode(bytes);
        } catch {
          // Bytes that are not text must not become text.
          expect(isUtf8(await run(encoding, bytes))).toBe(false);
          return;
        }
        expect((await run(encoding, bytes)).toString('utf8')).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same bytes at any cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.array(fc.nat(40)), async (input, cuts) => {
        const bytes = Buffer.from(input);
        expect(await run(encoding, bytes, cuts)).toEqual(await run(encoding, bytes));
        expect(await run(encoding, bytes, [...bytes.keys()])).toEqual(await run(encoding, bytes));
      }),
      { numRuns: 300 },
    );
  });
});

describe.each(ENCODINGS.filter((encoding) => !encoding.startsWith('utf-')))('%s', (encoding) => {
  const ofOneByte = characterTable(encoding) !== null;
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x0a, 0x2c, 0x22, 0x41, 0x61));

  it('gives the same bytes at any cut, and keeps every end of a line', async () => {
    const bytes = fc.array(byte, { maxLength: 40 }).map((all) => Buffer.from(all));
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(fc.nat(40)), async (input, cuts) => {
        const whole = await run(encoding, input);
        expect(await run(encoding, input, cuts)).toEqual(whole);
        if (encoding === 'iso-2022-jp' || encoding === 'cp864') return;
        const lines = (all: Buffer) => all.filter((each) => each === 0x0a).length;
        expect(lines(whole)).toBe(lines(input));
      }),
      { numRuns: 100 },
    );
  });

  it('has every character of ASCII at its place', async () => {
    const ascii = Buffer.from(Array.from({ length: 0x5f }, (_, i) => 0x20 + i));
    const text = (await run(encoding, ascii)).toString();
    // The Arabic code page has its own percent sign.
    expect(text).toBe(encoding === 'cp864' ? ascii.toString().replace('%', '٪') : ascii.toString());
  });

  it.runIf(ofOneByte)('reads back what another library writes, and never makes a replacement character', async () => {
    const table = characterTable(encoding)!;
    const characters = table.filter((char) => char !== '\ufffd');
    expect(new Set(characters).size).toBe(characters.length);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const out = await run(encoding, bytes);
    expect(out.includes(Buffer.from('\ufffd'))).toBe(false);
    expect(isUtf8(out)).toBe(characters.length === 256);
  });
});

describe('what people write', () => {
  it.each<[Encoding, string, string]>([
    ['windows-1251', 'windows-1251', 'Москва, ёлка'],
    ['koi8-r', 'koi8-r', 'Москва, ёлка'],
    ['cp866', 'cp866', 'Москва, ёлка'],
    ['ibm866', 'cp866', 'Москва, ёлка'],
    ['windows-1250', 'windows-1250', 'Łódź, Dvořák, Erdős, Şt'],
    ['iso-8859-2', 'iso-8859-2', 'Łódź, Dvořák, Erdős'],
    ['cp852', 'cp852', 'Łódź, Dvořák, Erdős'],
    ['cp850', 'cp850', 'Müller, Café, Señor'],
    ['cp437', 'cp437', 'Müller, Café, Señor'],
    ['macintosh', 'macintosh', 'Müller, Café, Señor'],
    ['iso-8859-9', 'iso-8859-9', 'Şahin, Yıldız'],
    ['shift_jis', 'shift_jis', '東京テスト、ｱｲｳ、表'],
    ['euc-jp', 'eucjp', '東京テスト、表'],
    ['gbk', 'gbk', '北京，中文'],
    ['gb18030', 'gb18030', '北京，中文𠀀'],
    ['big5', 'big5-hkscs', '台北，中文，䏰'],
    ['euc-kr', 'cp949', '서울, 갂똠방'],
  ])('%s', async (encoding, label, text) => {
    const bytes = iconv.encode(`id,name\n1,"${text}"\n`, label);
    for (let cut = 1; cut < bytes.length; cut += 1)
      expect((await run(encoding, bytes, [cut])).toString()).toBe(`id,name\n1,"${text}"\n`);
  });

  it.each([
    ['euc-jp', 0x80],
    ['euc-jp', 0x9f],
    ['shift_jis', 0x80],
  ] as const)('a control character of a decoder is none of %s', async (encoding, byte) => {
    const out = await run(encoding, Buffer.from([0x61, byte, 0x0a, 0x62]));
    expect(out.toString()).not.toMatch(/[\x80-\x9f]/);
    expect(isUtf8(out)).toBe(false);
  });

  it('bytes that are no character of several bytes spoil their own line', async () => {
    for (const encoding of ['shift_jis', 'euc-jp', 'gbk', 'gb18030', 'big5', 'euc-kr'] as const) {
      const out = await run(encoding, Buffer.from('a\xff\nb\x81\nc\n', 'latin1'));
      const [a, b, c] = out.toString('latin1').split('\n');
      expect([isUtf8(Buffer.from(a!, 'latin1')), isUtf8(Buffer.from(b!, 'latin1')), c]).toEqual([false, false, 'c']);
    }
  });
});

it.each(['windows-1252', 'windows-1251', 'windows-1250'] as const)(
  'a byte that %s does not have is no text',
  async (encoding) => {
    const table = characterTable(encoding)!;
    for (const [byte, char] of table.entries())
      if (char === '\ufffd') expect(isUtf8(await run(encoding, Buffer.from([byte])))).toBe(false);
    expect(table.filter((char) => char === '\ufffd')).toHaveLength(
      { 'windows-1252': 5, 'windows-1251': 1, 'windows-1250': 5 }[encoding],
    );
  },
);

it('a guess: a record with characters of UTF-8 fails alone, at any cut', async () => {
  const bytes = Buffer.concat([
    Buffer.from('1,M\xfcller\n2,', 'latin1'),
    Buffer.from('Zoë’s\n'),
    Buffer.from('3,«\xc9»\n', 'latin1'),
  ]);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const out = await collect(transcode(piecesOf(bytes, [cut]), createGuessedTranscoder('windows-1252')));
    const lines = out
      .toString('latin1')
      .split('\n')
      .map((line) => Buffer.from(line, 'latin1'));
    expect(lines.map((line) => isUtf8(line))).toEqual([true, false, true, true]);
    expect([lines[0]!.toString(), lines[2]!.toString()]).toEqual(['1,Müller', '3,«É»']);
  }
});

it('every byte of Latin-1 is the character of its number', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  expect((await run('iso-8859-1', bytes)).toString('utf8')).toBe(bytes.toString('latin1'));
});

describe.each([false, true])('UTF-16, big endian: %s', (bigEndian) => {
  const encoding = bigEndian ? 'utf-16be' : 'utf-16le';

  it('a lone surrogate spoils nothing but itself, at any cut', async () => {
    await fc.assert(
      fc.asyncProperty(units, fc.array(fc.nat(40)), async (text, cuts) => {
        const bytes = utf16(text, bigEndian);
        const out = await run(encoding, bytes, cuts);
        expect(out).toEqual(await run(encoding, bytes));
        expect(isUtf8(out)).toBe(text.isWellFormed());
        // Each lone surrogate becomes three bytes that are not text; the other characters stay as they are.
        expect(out).toEqual(Buffer.concat([...text].map((char) => encodeText(char))));
      }),
    );
  });

  it('an end within a code unit is not text', async () => {
    const out = await run(encoding, utf16('ab', bigEndian).subarray(0, 3));
    expect(out.subarray(0, 1).toString()).toBe('a');
    expect(isUtf8(out)).toBe(false);
  });

  it('the mark stays a mark, which the scanner skips', async () => {
    expect(await run(encoding, utf16('\ufeffa', bigEndian))).toEqual(Buffer.from('\ufeffa'));
  });
});
