import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createByteReader } from '#runner/storage/byte-reader.ts';
import { createContentDigest } from '#runner/storage/content-digest.ts';

const MIB = 1024 * 1024;

describe('createContentDigest', () => {
  const KEY = Buffer.from('0123456789abcdef');
  const gmac = (bytes: Buffer, key: Buffer) => {
    const cipher = createCipheriv('aes-128-gcm', key, Buffer.alloc(12));
    cipher.setAAD(bytes);
    cipher.final();
    return cipher.getAuthTag();
  };
  const digestOf = (bytes: Buffer, { piece = bytes.length || 1, key = KEY } = {}) => {
    const digest = createContentDigest(key);
    for (let at = 0; at < bytes.length; at += piece) digest.update(bytes.subarray(at, at + piece));
    return digest.digest();
  };

  it.each([0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 20 * MIB])('of %i bytes does not depend on the pieces', (size) => {
    const bytes = Buffer.alloc(size, 'abcdefghijk');
    const blocks: Buffer[] = [];
    for (let at = 0; at < size; at += 8 * MIB) blocks.push(gmac(bytes.subarray(at, at + 8 * MIB), KEY));
    const expected = `gmac-8mib:${createHash('sha256').update(Buffer.concat(blocks)).digest('hex')}`;
    for (const piece of [size || 1, 3 * MIB, 8 * MIB, 65_537]) expect(digestOf(bytes, { piece })).toBe(expected);
  });

  it('is another one for one other bit, one more byte, two blocks that changed places, and another key', () => {
    const bytes = randomBytes(17 * MIB);
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 1]! ^= 1;
    const swapped = Buffer.concat([
      bytes.subarray(8 * MIB, 16 * MIB),
      bytes.subarray(0, 8 * MIB),
      bytes.subarray(16 * MIB),
    ]);
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
    const all = [bytes, flipped, swapped, longer].map((each) => digestOf(each));
    all.push(digestOf(bytes, { key: Buffer.alloc(16) }));
    expect(new Set(all).size).toBe(all.length);
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
