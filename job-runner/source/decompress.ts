/** Compressed streams, of any size in bounded memory: a piece is only read when the one before is used up. */
import type { Transform } from 'node:stream';
import { constants, createGunzip, createZstdDecompress, type ZstdDecompress } from 'node:zlib';
import { Fault } from '#runner/errors.ts';
import { formatFault } from './source-format.ts';

/** 64 MiB: what `zstd --ultra -20` needs. Larger windows would not fit into a pod beside everything else. */
const MAX_WINDOW_LOG = 26;

/** @throws Fault (permanent, reason FileDamaged); what the input itself throws stays as it is. */
export function decompress(
  input: AsyncIterable<Buffer>,
  compression: 'gzip' | 'zstd',
): AsyncGenerator<Buffer, void, void> {
  return compression === 'gzip' ? gunzip(input) : unzstd(input);
}

/** Also a file of several members, one after the other; Node's own reader takes them all. */
async function* gunzip(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  yield* run(createGunzip(), input[Symbol.asyncIterator](), () => undefined);
}

/**
 * Node's reader ends with the frame, and what follows in the same piece would be lost without a word: `pzstd` and `cat`
 * make files of several frames. So what it has not taken is given to another one.
 */
async function* unzstd(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const source = input[Symbol.asyncIterator]();
  let rest: Buffer | null = null;
  let given = 0;
  let last: Buffer = Buffer.alloc(0);
  const pieces: AsyncIterator<Buffer> = {
    async next() {
      if (rest === null) return source.next();
      const value = rest;
      rest = null;
      return { value, done: false };
    },
  };
  try {
    for (;;) {
      const engine: ZstdDecompress = createZstdDecompress({
        params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
      });
      given = 0;
      yield* run(engine, pieces, (piece) => {
        given += piece.length;
        last = piece;
      });
      const left = given - engine.bytesWritten;
      if (left === 0) return;
      rest = last.subarray(last.length - left);
    }
  } finally {
    await source.return?.();
  }
}

async function* run(
  engine: Transform,
  input: AsyncIterator<Buffer>,
  onPiece: (piece: Buffer) => void,
): AsyncGenerator<Buffer, void, void> {
  let closed = false;
  let wake = () => {};
  engine.once('close', () => wake());
  const feed = async () => {
    try {
      for (let next = await input.next(); !next.done && !closed; next = await input.next()) {
        const piece = next.value;
        onPiece(piece);
        // One at a time, so that what the engine leaves is the end of the last one. An engine that has ended says nothing.
        await new Promise<void>((resolve) => {
          wake = resolve;
          engine.write(piece, () => resolve());
        });
        if (closed) return;
      }
      engine.end();
    } catch (error) {
      engine.destroy(error as Error);
    }
  };
  const feeding = feed();
  try {
    yield* engine as AsyncIterable<Buffer>;
  } catch (error) {
    throw error instanceof Fault || !isZlibError(error) ? error : damaged(error);
  } finally {
    closed = true;
    engine.destroy();
    await feeding;
    await input.return?.();
  }
}

function isZlibError(error: unknown): boolean {
  return /^(Z_|ZSTD_)/.test(String((error as { code?: unknown }).code));
}

function damaged(cause: unknown): Fault {
  const { code } = cause as { code: string };
  return code.includes('windowTooLarge')
    ? formatFault(
        'FormatNotSupported',
        'The file is compressed by zstd with a window of more than 64 MiB: compress it without --long and --ultra, and upload it again.',
        cause,
      )
    : formatFault(
        'FileDamaged',
        `The compressed file is cut off or broken (${code}): upload it again, and check it first with gzip -t or zstd -t.`,
        cause,
      );
}
