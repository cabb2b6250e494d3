/** The page's decompression in JavaScript has Node's as its oracle: the same bytes, and the same fault for broken ones. */
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import { BROWSER_PLATFORM } from '#page/check/platform.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import type { Platform } from '#runner/source/platform.ts';

/** Contents that make every kind of block: repeated words, every byte, one byte many times, nothing. */
const content = fc
  .oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.constantFrom('id,name\n', '1,Ann\n', 'ü', 'aaaaaaaaaaaaaaaa'), { maxLength: 400 })
      .map((parts) => Buffer.from(parts.join(''))),
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 150_000 }))
      .map(([byte, n]) => Buffer.alloc(n, byte)),
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 5_000 }), fc.integer({ min: 1, max: 60 }))
      .map(([bytes, n]) => Buffer.concat(Array.from({ length: n }, () => bytes))),
  )
  .map((bytes) => Buffer.from(bytes));
const gzipOptions = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_FIXED,
    constants.Z_RLE,
    constants.Z_FILTERED,
  ),
  memLevel: fc.integer({ min: 1, max: 9 }),
});
const zstdOptions = fc
  .record({
    level: fc.constantFrom(1, 3, 9, 19),
    checksum: fc.constantFrom(0, 1),
    sizeIsKnown: fc.constantFrom(0, 1),
  })
  .map(({ level, checksum, sizeIsKnown }) => ({
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_checksumFlag]: checksum,
      [constants.ZSTD_c_contentSizeFlag]: sizeIsKnown,
    },
  }));
const gzip = fc
  .array(fc.tuple(content, gzipOptions), { minLength: 1, maxLength: 3 })
  .map((members) => Buffer.concat(members.map(([bytes, options]) => gzipSync(bytes, options))));
const zstd = fc
  .array(fc.tuple(content, zstdOptions), { minLength: 1, maxLength: 3 })
  .map((frames) => Buffer.concat(frames.map(([bytes, options]) => zstdCompressSync(bytes, options))));
const zip = fc
  .array(fc.tuple(content, fc.constantFrom(0, 6)), { minLength: 1, maxLength: 3 })
  .map((files) =>
    Buffer.from(
      zipSync(Object.fromEntries(files.map(([bytes, level], i) => [`${i}.csv`, [bytes, { level: level as 0 }]]))),
    ),
  );
const pieceBytes = fc.constantFrom(1, 7, 1000, 1_000_000);

type Damage = (bytes: Buffer) => Buffer;
const at = (place: number, length: number) => Math.min(Math.floor(place * length), length - 1);
const place = fc.double({ min: 0, max: 1, noNaN: true });
const bits = fc.integer({ min: 1, max: 255 });
/** Another length, with the bytes as they are. */
const cut: fc.Arbitrary<Damage> = fc.oneof(
  place.map((where) => (bytes: Buffer) => bytes.subarray(0, at(where, bytes.length))),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((more) => (bytes: Buffer) => Buffer.concat([bytes, more])),
  fc.integer({ min: 1, max: 20 }).map((zeros) => (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(zeros)])),
);
const flipped = (bytes: Buffer, at: number, by: number) => bytes.with(at, bytes[at]! ^ by) as Buffer;
/** Another byte, anywhere or in the first header. */
const flip: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(place, bits).map(
    ([where, by]) =>
      (bytes: Buffer) =>
        flipped(bytes, at(where, bytes.length), by),
  ),
  fc.tuple(fc.nat(30), bits).map(
    ([where, by]) =>
      (bytes: Buffer) =>
        flipped(bytes, Math.min(where, bytes.length - 1), by),
  ),
);

describe.each([
  ['gzip' as const, gzip],
  ['zstd' as const, zstd],
])('%s', (compression, files) => {
  const read = (platform: Platform, bytes: Buffer, size: number) =>
    outcome(() => collect(platform.decompress(pieces(bytes, size), compression)));

  it('gives the bytes that Node gives', async () => {
    await fc.assert(
      fc.asyncProperty(files, pieceBytes, async (bytes, size) => {
        const found = await read(BROWSER_PLATFORM, bytes, size);
        expect(found).toEqual(await read(NODE_PLATFORM, bytes, 1_000_000));
        expect(found).not.toHaveProperty('reason');
      }),
      { numRuns: 60 },
    );
  });

  it('finds what is wrong as Node does', async () => {
    await fc.assert(
      fc.asyncProperty(
        files,
        compression === 'gzip' ? fc.oneof(cut, flip) : cut,
        pieceBytes,
        async (whole, spoil, size) => {
          const bytes = spoil(whole);
          expect(await read(BROWSER_PLATFORM, bytes, size)).toEqual(await read(NODE_PLATFORM, bytes, 1_000_000));
        },
      ),
      { numRuns: 200 },
    );
  });
});

it('zstd with a checksum is never read as another content', async () => {
  const options = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
  await fc.assert(
    fc.asyncProperty(content, flip, async (text, spoil) => {
      const bytes = spoil(zstdCompressSync(text, options));
      const found = await outcome(() => collect(BROWSER_PLATFORM.decompress(pieces(bytes, 1000), 'zstd')));
      if ('found' in found) expect(found.found).toBe(text.toString('base64'));
      else expect(found.reason).toMatch(/FileDamaged|FormatNotSupported/);
    }),
    { numRuns: 200 },
  );
});

describe('ZIP', () => {
  const read = (platform: Platform, bytes: Buffer) =>
    outcome(async () => {
      const archive = await platform.openArchive(
        (start, end) => pieces(bytes.subarray(start, end), 1000),
        bytes.length,
      );
      const texts: [string, number, string][] = [];
      for (const member of archive.members)
        texts.push([member.name, member.sizeBytes, await collect(archive.read(member))]);
      return JSON.stringify(texts);
    });

  it('gives the members that Node gives', async () => {
    await fc.assert(
      fc.asyncProperty(zip, async (bytes) => {
        const found = await read(BROWSER_PLATFORM, bytes);
        expect(found).toEqual(await read(NODE_PLATFORM, bytes));
        expect(found).not.toHaveProperty('reason');
      }),
      { numRuns: 60 },
    );
  });

  it('finds what is wrong as Node does', async () => {
    await fc.assert(
      fc.asyncProperty(zip, fc.oneof(cut, flip), async (whole, spoil) => {
        const bytes = spoil(whole);
        expect(await read(BROWSER_PLATFORM, bytes)).toEqual(await read(NODE_PLATFORM, bytes));
      }),
      { numRuns: 150 },
    );
  });
});

/** The bytes, or the fault that was thrown. */
async function outcome(run: () => Promise<string>): Promise<{ found: string } | { reason: string; message: string }> {
  try {
    return { found: await run() };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { reason: error.reason, message: error.message };
  }
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, void> {
  for (let start = 0; start < bytes.length; start += size) yield Buffer.from(bytes.subarray(start, start + size));
}

async function collect(input: AsyncIterable<Buffer>): Promise<string> {
  const all: Buffer[] = [];
  for await (const piece of input) all.push(piece);
  return Buffer.concat(all).toString('base64');
}
