/** A large part of an object in its order, read by several ranged requests at once. */
import type { S3Client } from '@aws-sdk/client-s3';
import { createArrivals } from './arrivals.ts';
import type { ObjectIdentity } from './object-identity.ts';
import { type RetryOptions, readRange } from './s3.ts';

const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Requests under way at once. One connection to S3 gives some 80 MB/s, while one thread scans and hashes more than 1 GB/s:
 * reads are worth doing in parallel, the scan, which has to know what came before, is not.
 */
const READS_AT_ONCE = 3;

/**
 * The bytes [start, end) of the object in order, in the pieces of {@link readRange}, from requests of {@link BLOCK_BYTES} each. At most
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
  const underWay: Block[] = [];
  let next = start;
  try {
    while (next < end || underWay.length > 0) {
      for (; next < end && underWay.length < READS_AT_ONCE; next += BLOCK_BYTES) {
        const range = { start: next, end: Math.min(next + BLOCK_BYTES, end) };
        underWay.push(startBlock(readRange(client, identity, range, { ...retry, signal })));
      }
      yield* underWay[0]!.pieces();
      underWay.shift();
    }
  } finally {
    stop.abort(new Error('the reader has ended'));
    await Promise.all(underWay.map(({ ended }) => ended));
  }
}

interface Block {
  /** What has come, and what comes. @throws what the reading throws */
  pieces(): AsyncGenerator<Buffer, void, void>;
  /** The reading has ended, well or not. */
  ended: Promise<void>;
}

/** Reads on while nobody asks for it yet. */
function startBlock(source: AsyncIterable<Buffer>): Block {
  const arrivals = createArrivals();

  async function read(): Promise<void> {
    try {
      for await (const piece of source) arrivals.put(piece);
      arrivals.end();
    } catch (error) {
      arrivals.end({ error });
    }
  }

  async function* pieces(): AsyncGenerator<Buffer, void, void> {
    for (let come = await arrivals.take(); come; come = await arrivals.take()) yield* come;
  }

  return { pieces, ended: read() };
}
