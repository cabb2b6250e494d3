import type { Readable } from 'node:stream';
import { createArrivals } from './arrivals.ts';

/** What may have come before it is taken. */
const MOST_BYTES = 256 * 1024;

/**
 * The bytes of a stream. What has come since the last piece was taken is one piece: a file then comes in some hundreds of
 * them, and what they pass through costs less. Ending the iteration destroys the stream.
 * @throws what the stream fails with; a stream that is closed before its end just ends
 */
export async function* readBody(body: Readable): AsyncGenerator<Buffer, void, void> {
  const arrivals = createArrivals();
  let waitingBytes = 0;
  body.on('data', (piece: Buffer) => {
    waitingBytes += piece.length;
    if (waitingBytes >= MOST_BYTES) body.pause();
    arrivals.put(piece);
  });
  body.on('error', (error) => arrivals.end({ error }));
  body.on('end', () => arrivals.end());
  body.on('close', () => arrivals.end());
  // Of one that was closed before nothing is heard any more.
  if (body.destroyed) arrivals.end(body.errored ? { error: body.errored } : undefined);
  try {
    for (let come = await arrivals.take(); come; come = await arrivals.take()) {
      const piece = come.length === 1 ? come[0]! : Buffer.concat(come);
      waitingBytes -= piece.length;
      body.resume();
      yield piece;
    }
  } finally {
    body.destroy();
  }
}
