import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import { BROWSER_PLATFORM } from '#page/check/platform.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { collect, piecesOf } from '../source/pieces.ts';

describe.each([
  ['gzip', 'a pod', gzipSync, NODE_PLATFORM],
  ['zstd', 'a pod', zstdCompressSync, NODE_PLATFORM],
  ['gzip', 'the page', gzipSync, BROWSER_PLATFORM],
  ['zstd', 'the page', zstdCompressSync, BROWSER_PLATFORM],
] as const)('%s in %s', (compression, _where, compress, { decompress }) => {
  const run = (bytes: Buffer, cuts?: readonly number[]) => collect(decompress(piecesOf(bytes, cuts), compression));

  it('any number of members, cut anywhere, are one file', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 200 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(400), { maxLength: 6 }),
        async (texts, cuts) => {
          const bytes = Buffer.concat(texts.map((text) => compress(text)));
          expect((await run(bytes, cuts)).toString()).toBe(texts.join(''));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('much out of little comes in pieces, as it is asked for', async () => {
    const bytes = compress(Buffer.alloc(64 * 1024 * 1024));
    let size = 0;
    let largest = 0;
    for await (const piece of decompress(piecesOf(bytes), compression)) {
      size += piece.length;
      largest = Math.max(largest, piece.length);
    }
    expect(size).toBe(64 * 1024 * 1024);
    expect(largest).toBeLessThan(1024 * 1024);
  });

  it('cut off or broken is said to be so', async () => {
    const whole = compress('some text that is long enough to be worth it '.repeat(50));
    for (const end of [5, 20, whole.length - 1]) {
      await expect(run(whole.subarray(0, end)), `${end} bytes`).rejects.toMatchObject({ reason: 'FileDamaged' });
    }
    await expect(run(Buffer.concat([whole, Buffer.from('what is this?')]))).rejects.toMatchObject({
      reason: 'FileDamaged',
    });
  });

  it('a fault of the input stays what it is', async () => {
    const fault = new Fault({ code: 'S3_UNAVAILABLE', category: 'retryable', message: 'away' });
    async function* broken(): AsyncGenerator<Buffer> {
      yield compress('abc').subarray(0, 8);
      throw fault;
    }
    await expect(collect(decompress(broken(), compression))).rejects.toBe(fault);
  });

  it('the input is closed when nobody wants more', async () => {
    let closed = false;
    async function* input(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield compress(Buffer.alloc(1024 * 1024));
      } finally {
        closed = true;
      }
    }
    for await (const _ of decompress(input(), compression)) break;
    expect(closed).toBe(true);
  });
});
