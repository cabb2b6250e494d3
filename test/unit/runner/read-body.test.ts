import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readBody } from '#runner/storage/read-body.ts';

/** Until what is under way has come. */
const turn = () => new Promise((resolve) => setImmediate(resolve));
const read = async (body: Readable) => (await Array.fromAsync(readBody(body))).map((piece) => piece.toString());

test('what came together is one piece, and what comes later another', async () => {
  const body = new PassThrough();
  const pieces = readBody(body);
  const first = pieces.next();
  body.write('a');
  expect((await first).value?.toString()).toBe('a');
  body.write('b');
  body.write('c');
  body.end('d');
  await turn();
  expect((await pieces.next()).value?.toString()).toBe('bcd');
  expect((await pieces.next()).done).toBe(true);
});

test('more than may wait is read as it is taken', async () => {
  const bytes = Buffer.alloc(3_000_000, 'abcdefg');
  const body = Readable.from(Array.from({ length: 300 }, (_, i) => bytes.subarray(i * 10_000, (i + 1) * 10_000)));
  let longest = 0;
  const pieces: Buffer[] = [];
  for await (const piece of readBody(body)) {
    longest = Math.max(longest, piece.length);
    pieces.push(piece);
    await turn();
  }
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  expect(longest).toBeLessThan(300_000);
});

test('an error comes behind the bytes before it', async () => {
  const body = new PassThrough();
  body.write('a');
  const pieces = readBody(body);
  expect((await pieces.next()).value?.toString()).toBe('a');
  body.destroy(new Error('cut'));
  await expect(pieces.next()).rejects.toThrow('cut');
});

test.each([
  ['closed', undefined, undefined],
  ['broken', new Error('cut'), 'cut'],
])('one that was %s before it is read does not wait for ever', async (_name, error, message) => {
  const body = new PassThrough();
  body.on('error', () => undefined);
  body.destroy(error);
  await once(body, 'close').catch(() => undefined);
  if (message) await expect(read(body)).rejects.toThrow(message);
  else expect(await read(body)).toEqual([]);
});

test('who stops early destroys it', async () => {
  const body = new PassThrough();
  body.write('a');
  for await (const _ of readBody(body)) break;
  expect(body.destroyed).toBe(true);
});
