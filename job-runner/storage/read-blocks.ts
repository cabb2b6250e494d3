/** Reads a part of an object from its start to its end, by several ranged requests at once. */
import type { ObjectIdentity } from '#s3/object-identity.ts';
import type { RetryOptions } from '#s3/retry.ts';
import type { FileStore } from './file-store.ts';

/** A request costs about as much time as some hundred KB of its bytes, so blocks are much larger than that. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/**
 * The number of requests under way at once. One connection to S3 gives some 80 MB/s, while one thread scans and hashes
 * more than 1 GB/s. Reading in parallel is therefore worth while; the scan stays in one thread, since it needs what
 * came before.
 */
const READS_AT_ONCE = 3;

/** The memory for the blocks of one reading. */
export const BLOCKS_BYTES = READS_AT_ONCE * BLOCK_BYTES;

export interface BlocksOptions {
  start: number;
  end: number;
  readsAtOnce?: number;
  blockBytes?: number;
  /** Receives all bytes, for a caller that keeps them. */
  into?: Buffer | null;
  /** Memory of {@link BLOCKS_BYTES} bytes that the blocks use; absent: they get memory of their own. */
  memory?: Buffer;
}

/**
 * Yields the bytes [start, end) of the object in order, in pieces as they arrive, from requests of `blockBytes` each. A
 * piece is valid until the next one is asked for, because the memory of `readsAtOnce` blocks is reused. Pieces of
 * `into` stay valid.
 * @throws Fault, as the store's `readInto` does.
 */
export async function* readBlocks(
  store: Pick<FileStore, 'readInto'>,
  identity: ObjectIdentity,
  { start, end, readsAtOnce = READS_AT_ONCE, blockBytes = BLOCK_BYTES, into, memory }: BlocksOptions,
  retry: RetryOptions,
): AsyncGenerator<Buffer, void, void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([retry.signal, stop.signal]);
  const free = memory ? cut(memory, blockBytes) : [];
  const pending: Block[] = [];
  let next = start;
  try {
    while (next < end || pending.length > 0) {
      for (; next < end && pending.length < readsAtOnce; next += blockBytes) {
        const length = Math.min(blockBytes, end - next);
        const block = into?.subarray(next - start) ?? free.pop() ?? Buffer.allocUnsafeSlow(length);
        pending.push(
          startBlock(store, identity, { start: next, into: block.subarray(0, length) }, { ...retry, signal }),
        );
      }
      const block = pending[0]!;
      yield* block.pieces();
      pending.shift();
      free.push(block.memory);
    }
  } finally {
    stop.abort(new Error('the reader has ended'));
    await Promise.all(pending.map(({ ended }) => ended));
  }
}

function cut(memory: Buffer, blockBytes: number): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at + blockBytes <= memory.length; at += blockBytes)
    blocks.push(memory.subarray(at, at + blockBytes));
  return blocks;
}

interface Block {
  memory: Buffer;
  /** Yields the bytes that have arrived, and then those that follow. @throws the error that ended the reading. */
  pieces(): AsyncGenerator<Buffer, void, void>;
  /** Resolves when the reading has ended, with or without an error. */
  ended: Promise<void>;
}

/** Starts to read a block; the reading goes on while nobody takes its pieces. */
function startBlock(
  store: Pick<FileStore, 'readInto'>,
  identity: ObjectIdentity,
  { start, into }: { start: number; into: Buffer },
  retry: RetryOptions,
): Block {
  let filled = 0;
  let failure: { error: unknown } | null = null;
  let wake = () => {};
  const onBytes = (count: number) => {
    filled = count;
    wake();
  };

  async function read(): Promise<void> {
    try {
      await store.readInto(identity, { start, into, onBytes }, retry);
    } catch (error) {
      failure = { error };
      wake();
    }
  }

  async function* pieces(): AsyncGenerator<Buffer, void, void> {
    for (let taken = 0; taken < into.length; ) {
      if (filled > taken) {
        const piece = into.subarray(taken, filled);
        taken = filled;
        yield piece;
      } else if (failure) throw failure.error;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }

  return { memory: into, pieces, ended: read() };
}
