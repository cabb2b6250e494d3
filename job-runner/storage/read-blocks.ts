/** A large part of an object in its order, read by several ranged requests at once. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectIdentity } from './object-identity.ts';
import { type RetryOptions, readRange } from './s3.ts';

const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Requests under way at once. One connection to S3 gives some 80 MB/s, while one thread scans and hashes 500 MB/s: reads
 * are worth doing in parallel, the scan, which has to know what came before, is not.
 */
const READS_AT_ONCE = 3;

/**
 * The bytes [start, end) of the object in order, in pieces as the network gives them, from requests of {@link BLOCK_BYTES} each. At most
 * {@link READS_AT_ONCE} of these are in memory.
 * @throws Fault S3_*, as {@link readRange}
 */
export async function* readBlocks(
  client: S3Client,
  identity: ObjectIdentity,
  { start, end }: { start: number; end: number },
  retry: RetryOptions,
): AsyncGenerator<Buffer, void, void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([retry.signal, stop.signal]);
  const underWay: Promise<Buffer[]>[] = [];
  let next = start;

  async function readBlock(from: number): Promise<Buffer[]> {
    const range = { start: from, end: Math.min(from + BLOCK_BYTES, end) };
    return Array.fromAsync(readRange(client, identity, range, { ...retry, signal }));
  }

  try {
    while (next < end || underWay.length > 0) {
      for (; next < end && underWay.length < READS_AT_ONCE; next += BLOCK_BYTES) {
        const block = readBlock(next);
        // Looked at in its turn.
        block.catch(() => undefined);
        underWay.push(block);
      }
      yield* await underWay.shift()!;
    }
  } finally {
    stop.abort(new Error('the reader has ended'));
    await Promise.allSettled(underWay);
  }
}
