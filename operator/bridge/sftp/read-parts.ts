/** Reads a remote file part by part, with many requests on the way: one at a time would cost a round trip each. */
import { SFTP_REASONS, sftpFault } from './fault.ts';
import { createGate } from './gate.ts';
import type { RemoteFile } from './session.ts';

/** Every server gives so much at once; what it gives less is asked for again. */
const BLOCK_BYTES = 32 * 1024;
/** With the blocks 2 MiB on the way, as much as the channel's window holds: 40 MB/s over a round trip of 50 ms. */
const BLOCKS_ON_THE_WAY = 64;

export interface PartRange {
  /** From 1. */
  number: number;
  position: number;
  length: number;
}

export interface Part extends PartRange {
  buffer: Buffer;
}

export interface ReadPartsOptions {
  file: RemoteFile;
  ranges: Iterable<PartRange>;
  /** Waits until there is room for so much. */
  take: (length: number, signal: AbortSignal) => Promise<Buffer>;
  /** Of a part that was not read to its end. */
  discard: (buffer: Buffer) => void;
  /** In the order of the ranges; the buffer is the receiver's. */
  onPart: (part: Part) => void;
  signal: AbortSignal;
}

/**
 * Resolves when all ranges were handed over. After a fault nothing more is handed over, and nothing writes to a buffer.
 * @throws Fault SFTP_*; reason FileChanged when the file is shorter
 */
export async function readParts({ file, ranges, take, discard, onPart, signal }: ReadPartsOptions): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const window = createGate(BLOCKS_ON_THE_WAY);
  const parts: { reads: Promise<void>[]; buffer: Buffer }[] = [];
  let inOrder: Promise<void> = Promise.resolve();

  /** Reads one block; the first that fails stops all. */
  async function readBlock(target: Buffer, position: number): Promise<void> {
    try {
      for (let filled = 0; filled < target.length; ) {
        const bytes = await file.read(target.subarray(filled), position + filled);
        if (bytes === 0) throw shorterFault();
        filled += bytes;
      }
    } catch (error) {
      stop.abort(error);
      throw error;
    } finally {
      window.leave();
    }
  }

  async function handOver(range: PartRange, part: (typeof parts)[number]): Promise<void> {
    await Promise.all(part.reads);
    either.throwIfAborted();
    parts.shift();
    onPart({ ...range, buffer: part.buffer });
  }

  try {
    for (const range of ranges) {
      const part: (typeof parts)[number] = { reads: [], buffer: await take(range.length, either) };
      parts.push(part);
      for (let at = 0; at < range.length; at += BLOCK_BYTES) {
        await window.enter(either);
        const read = readBlock(part.buffer.subarray(at, at + BLOCK_BYTES), range.position + at);
        // Awaited with its part; until then its fault must not be an unhandled rejection.
        read.catch(() => undefined);
        part.reads.push(read);
      }
      inOrder = inOrder.then(() => handOver(range, part));
      inOrder.catch((error) => stop.abort(error));
    }
    await inOrder;
  } catch (error) {
    stop.abort(error);
    await inOrder.catch(() => undefined);
    for (const { reads, buffer } of parts) {
      await Promise.allSettled(reads);
      discard(buffer);
    }
    signal.throwIfAborted();
    throw stop.signal.reason;
  }
}

function shorterFault() {
  return sftpFault('SFTP_CHANGED', SFTP_REASONS.fileChanged, 'The remote file became shorter while it was read.');
}
