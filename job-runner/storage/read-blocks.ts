/** A whole object in its order, read by several ranged requests at once. */
import type { S3Client } from '@aws-sdk/client-s3';
import { type ObjectIdentity, type RetryOptions, readRange } from './s3.ts';

export const BLOCK_BYTES = 8 * 1024 * 1024;

/**
 * Requests under way at once. One connection to S3 gives some 80 MB/s, while one thread scans and hashes 500 MB/s: reads
 * are worth doing in parallel, the scan, which has to know what came before, is not.
 */
const READS_AT_ONCE = 4;

/**
 * The object's blocks of {@link BLOCK_BYTES} in order (the last one may be shorter); a block is valid until the next is
 * asked for. At most {@link READS_AT_ONCE} and one are in memory.
 * @throws Fault S3_*, as {@link readRange}
 */
export async function* readBlocks(
  client: S3Client,
  identity: ObjectIdentity,
  retry: RetryOptions,
): AsyncGenerator<Buffer, void, void> {
  const { sizeBytes } = identity;
  const stop = new AbortController();
  const signal = AbortSignal.any([retry.signal, stop.signal]);
  const spare: Buffer[] = [];
  const underWay: Promise<Buffer>[] = [];
  let next = 0;

  async function readBlock(start: number): Promise<Buffer> {
    const length = Math.min(BLOCK_BYTES, sizeBytes - start);
    const block = spare.pop() ?? Buffer.allocUnsafe(Math.min(BLOCK_BYTES, sizeBytes));
    let at = 0;
    for await (const piece of readRange(client, identity, { start, end: start + length }, { ...retry, signal }))
      at += piece.copy(block, at);
    return block.subarray(0, length);
  }

  try {
    while (next < sizeBytes || underWay.length > 0) {
      for (; next < sizeBytes && underWay.length < READS_AT_ONCE; next += BLOCK_BYTES) {
        const block = readBlock(next);
        // Looked at in its turn.
        block.catch(() => undefined);
        underWay.push(block);
      }
      const block = await underWay.shift()!;
      yield block;
      spare.push(Buffer.from(block.buffer, block.byteOffset, Math.min(BLOCK_BYTES, sizeBytes)));
    }
  } finally {
    stop.abort(new Error('the reader has ended'));
    await Promise.allSettled(underWay);
  }
}
