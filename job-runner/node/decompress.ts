/**
 * Decompresses streams of any size in bounded memory: the next piece is read only when the consumer has used up the
 * last one.
 */
import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { Fault } from '#common/faults.ts';
import { damagedStream, MAX_WINDOW_LOG, windowTooLarge } from '#runner/source/damaged.ts';

/** @throws Fault (permanent, reason FileDamaged, FormatNotSupported); an error of the input passes unchanged. */
export function decompress(
  input: AsyncIterable<Buffer>,
  compression: 'gzip' | 'zstd',
): AsyncGenerator<Buffer, void, void> {
  return compression === 'gzip' ? gunzip(input) : unzstd(input);
}

/** Reads a file of several members too: Node's reader takes one after the other. */
async function* gunzip(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const source = input[Symbol.asyncIterator]();
  try {
    yield* run(createGunzip(), source);
  } finally {
    await source.return?.();
  }
}

/**
 * Node's reader ends with the first frame and silently drops the rest of the piece, but `pzstd` and `cat` make files of
 * several frames. So each further frame gets a new reader, which begins with the bytes that the last reader left.
 */
async function* unzstd(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const source = input[Symbol.asyncIterator]();
  const params = { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG };
  try {
    let rest: Buffer = Buffer.alloc(0);
    do {
      const pieces = [rest];
      const next = async (): Promise<IteratorResult<Buffer>> => {
        const value = pieces.pop();
        return value?.length ? { value, done: false } : source.next();
      };
      rest = yield* run(createZstdDecompress({ params }), { next });
    } while (rest.length > 0);
  } finally {
    await source.return?.();
  }
}

/** @returns the bytes of the last piece that the engine left. */
async function* run(
  engine: Gunzip | ZstdDecompress,
  input: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer, Buffer, void> {
  let given = 0;
  let last: Buffer = Buffer.alloc(0);
  let wake = () => {};
  engine.once('close', () => wake());
  const feed = async () => {
    try {
      for (let next = await input.next(); !next.done; next = await input.next()) {
        last = next.value;
        given += last.length;
        // Pieces are written one at a time, so that the bytes left over are the end of the last piece. An engine at its
        // end may never call back.
        await new Promise<void>((resolve) => {
          wake = resolve;
          engine.write(last, () => resolve());
        });
        if (engine.bytesWritten < given || engine.destroyed) return;
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
    engine.destroy();
    await feeding;
  }
  return last.subarray(last.length - (given - engine.bytesWritten));
}

function isZlibError(error: unknown): boolean {
  return /^(Z_|ZSTD_)/.test(String((error as { code?: unknown }).code));
}

function damaged(cause: unknown): Fault {
  const { code } = cause as { code: string };
  return code.includes('windowTooLarge') ? windowTooLarge(cause) : damagedStream(code, cause);
}
