import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlockDigest } from '#runner/storage/block-digest.ts';
import { createByteReader } from '#runner/storage/byte-reader.ts';

const MIB = 1024 * 1024;

describe('createBlockDigest', () => {
  const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

  it.each([0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB])('of %i bytes does not depend on the pieces', (size) => {
    const bytes = Buffer.alloc(size, 'abcdefghijk');
    const blocks: Buffer[] = [];
    for (let at = 0; at < size; at += 8 * MIB) blocks.push(sha(bytes.subarray(at, at + 8 * MIB)));
    const expected = `sha256-8mib:${sha(Buffer.concat(blocks)).toString('hex')}`;
    for (const piece of [size || 1, 3 * MIB, 8 * MIB, 65_537]) {
      const digest = createBlockDigest();
      for (let at = 0; at < size; at += piece) digest.update(bytes.subarray(at, at + piece));
      expect(digest.digest()).toBe(expected);
    }
  });
});

describe('createByteReader', () => {
  it('gives the bytes of the stream, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 })), fc.array(fc.nat(30)), async (pieces, takes) => {
        const all = Buffer.concat(pieces);
        const reader = createByteReader(
          (async function* () {
            for (const piece of pieces) yield Buffer.from(piece);
          })(),
        );
        let at = 0;
        for (const [i, length] of takes.entries()) {
          if (at + length > all.length) {
            await expect(reader.take(Buffer.alloc(length))).rejects.toThrow('ended');
            return;
          }
          if (i % 3 === 2) await reader.skip(length);
          else expect(await reader.take(Buffer.alloc(length))).toEqual(all.subarray(at, at + length));
          at += length;
        }
        await reader.close();
      }),
    );
  });
});
