import type { Readable } from 'node:stream';

/** What may have come before it is taken. */
const MOST_BYTES = 256 * 1024;

/**
 * The bytes of a stream. What has come since the last piece was taken is one piece: a file then comes in some hundreds of
 * them, and what they pass through costs less. Ending the iteration destroys the stream.
 * @throws what the stream fails with; a stream that is closed before its end just ends
 */
export async function* readBody(body: Readable): AsyncGenerator<Buffer, void, void> {
  let come: Buffer[] = [];
  let size = 0;
  let hasEnded = false;
  let failure: { error: unknown } | null = null;
  let wake = () => {};
  body.on('data', (piece: Buffer) => {
    come.push(piece);
    size += piece.length;
    if (size >= MOST_BYTES) body.pause();
    wake();
  });
  body.on('error', (error) => {
    failure = { error };
    wake();
  });
  // After the end, or after the error.
  body.on('close', () => {
    hasEnded = true;
    wake();
  });
  body.on('end', () => {
    hasEnded = true;
    wake();
  });
  try {
    for (;;) {
      if (size > 0) {
        const piece = come.length === 1 ? come[0]! : Buffer.concat(come, size);
        come = [];
        size = 0;
        body.resume();
        yield piece;
      } else if (failure) throw (failure as { error: unknown }).error;
      else if (hasEnded) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    body.destroy();
  }
}
