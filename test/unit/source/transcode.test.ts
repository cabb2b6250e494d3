import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Encoding } from '#api/source-format.ts';
import { encodeText, transcode } from '#runner/source/transcode.ts';
import { collect, piecesOf } from './pieces.ts';

const run = (encoding: Encoding, bytes: Buffer, cuts?: readonly number[]) =>
  collect(transcode(piecesOf(bytes, cuts), encoding));

const utf16 = (text: string, bigEndian: boolean) => {
  const bytes = Buffer.from(text, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
};

/** Any code units; half of them are surrogates, alone or in pairs. */
const units = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd800, max: 0xdfff })))
  .map((all) => String.fromCharCode(...all));

describe.each<[Encoding, string]>([
  ['windows-1252', 'windows-1252'],
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
