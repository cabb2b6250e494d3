/** COPY … FROM STDIN. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** Bytes in one message to the server, which keeps a whole one in memory. */
const PIECE = 256 * 1024;

/** Small parts go together: each message is a system call here and a wake-up there. */
function* pieces(parts: readonly Buffer[]): Generator<Buffer> {
  let together: Buffer[] = [];
  let size = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + PIECE - size);
      together.push(piece);
      size += piece.length;
      at += piece.length;
      if (size < PIECE) continue;
      yield join(together);
      [together, size] = [[], 0];
    }
  }
  if (size > 0) yield join(together);
}

const join = (parts: Buffer[]): Buffer => (parts.length === 1 ? parts[0]! : Buffer.concat(parts));

/**
 * Streams rows in the statement's format into it, with the backpressure of the connection. The bytes must stay as
 * they are until it has ended.
 * @returns the number of rows that the server took.
 */
export async function copyRows(client: ClientBase, statement: string, rows: readonly Buffer[]): Promise<number> {
  const stream = client.query(copyFrom(statement));
  await pipeline(Readable.from(pieces(rows), { objectMode: false, highWaterMark: PIECE }), stream);
  return stream.rowCount;
}
