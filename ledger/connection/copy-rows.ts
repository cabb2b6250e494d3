/** Sends rows to PostgreSQL by COPY … FROM STDIN. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** Bytes of one message to the server, which keeps the whole message in memory. */
const PIECE = 256 * 1024;

/** Joins small parts, since each message costs a system call on this side and a wake-up of the server. */
function* toMessages(parts: readonly Buffer[]): Generator<Buffer> {
  let message: Buffer[] = [];
  let size = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + PIECE - size);
      message.push(piece);
      size += piece.length;
      at += piece.length;
      if (size < PIECE) continue;
      yield join(message);
      message = [];
      size = 0;
    }
  }
  if (size > 0) yield join(message);
}

const join = (parts: Buffer[]): Buffer => (parts.length === 1 ? parts[0]! : Buffer.concat(parts));

/**
 * Streams rows, in the format that the statement names, with the backpressure of the connection. The caller must not
 * change the bytes until the promise resolves.
 * @returns the number of rows that the server took.
 */
export async function copyRows(client: ClientBase, statement: string, rows: readonly Buffer[]): Promise<number> {
  const stream = client.query(copyFrom(statement));
  await pipeline(Readable.from(toMessages(rows), { objectMode: false, highWaterMark: PIECE }), stream);
  return stream.rowCount;
}
