/** Reads a remote file part by part, with many requests in flight, because each request costs a round trip. */
import { SFTP_REASONS, sftpFault } from './fault.ts';
import type { RemoteFile } from './session.ts';

/** The channel's window holds no more; it gives 40 MB/s over a round trip of 50 ms. */
const BYTES_IN_FLIGHT = 2 * 1024 * 1024;

export interface PartRange {
  /** Counted from 1. */
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
  /** Waits until there is room for a buffer of this length. */
  take: (length: number, signal: AbortSignal) => Promise<Buffer>;
  /** Called with the buffer of each part that was not read to its end. */
  discard: (buffer: Buffer) => void;
  /** Called in the order of the ranges. The buffer belongs to the receiver from then on. */
  onPart: (part: Part) => void;
  signal: AbortSignal;
}

/**
 * Resolves when all parts were handed over. After a fault no part is handed over, and nothing writes to a buffer.
 * @throws Fault SFTP_*, with the reason FileChanged when the file is shorter
 */
export async function readParts({ file, ranges, take, discard, onPart, signal }: ReadPartsOptions): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const { blockBytes } = file;
  const maxInFlight = Math.max(1, Math.floor(BYTES_IN_FLIGHT / blockBytes));
  let inFlight = 0;
  let wake: (() => void) | undefined;
  const parts: { reads: Promise<void>[]; buffer: Buffer }[] = [];
  let inOrder: Promise<void> = Promise.resolve();

  /** Reads one block. The first block that fails stops all others. */
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
      inFlight -= 1;
      wake?.();
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
      for (let at = 0; at < range.length; at += blockBytes) {
        while (inFlight >= maxInFlight) await new Promise<void>((resolve) => (wake = resolve));
        either.throwIfAborted();
        inFlight += 1;
        const read = readBlock(part.buffer.subarray(at, at + blockBytes), range.position + at);
        // `handOver` awaits the read; until then its fault must not be an unhandled rejection.
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
