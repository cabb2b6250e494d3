/** COPY … FROM STDIN in text format. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One value in COPY's text format; null is \N. Values hold no NUL: PostgreSQL has no text with one. */
export function encodeValue(value: string | null): string {
  if (value === null) return '\\N';
  return SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (char) => ESCAPES[char]!) : value;
}

export function encodeRow(values: readonly (string | null)[]): string {
  let line = '';
  for (let i = 0; i < values.length; i += 1) line += (i === 0 ? '' : '\t') + encodeValue(values[i]!);
  return `${line}\n`;
}

/** Bytes in one message to the server. */
const PIECE = 64 * 1024;

function* pieces(rows: Iterable<string>): Generator<Buffer> {
  let text = '';
  for (const row of rows) {
    text += row;
    if (text.length >= PIECE) {
      yield Buffer.from(text, 'utf8');
      text = '';
    }
  }
  if (text) yield Buffer.from(text, 'utf8');
}

/**
 * Streams encoded rows into a COPY statement, with the backpressure of the connection.
 * @returns the number of rows that the server took.
 */
export async function copyRows(client: ClientBase, statement: string, rows: Iterable<string>): Promise<number> {
  const stream = client.query(copyFrom(statement));
  await pipeline(Readable.from(pieces(rows), { objectMode: false, highWaterMark: PIECE }), stream);
  return stream.rowCount;
}
