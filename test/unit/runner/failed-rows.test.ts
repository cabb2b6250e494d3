/** The rows of failed records for the ledger, as COPY's text format has them. */
import { expect, test } from 'vitest';
import type { FailedRow } from '#ledger/errors/insert-errors.ts';
import { createFailedRows } from '#runner/load/failed-rows.ts';

const PLACE = { byteOffset: 100, byteLength: 7, rowData: 'a,b' };

function write(rows: FailedRow[]): string[] {
  const failed = createFailedRows('u');
  for (const row of rows) failed.add(row);
  return Buffer.concat(failed.buffer.all()).toString().split('\n').slice(0, -1);
}

test('a failed record is one row, whatever its texts hold', () => {
  const fault = { code: 'X\t1', field: 'a\\b', message: 'a\nb\0' };
  expect(write([{ rowNumber: 3, faults: [fault], ...PLACE, rowData: '1\t2\r\n\ud800' }])).toEqual([
    [
      ...['u', '3', 'X\\t1', 'a\\\\b', 'a\\nb\\\\u0000'],
      '[{"code":"X\\\\t1","field":"a\\\\\\\\b","message":"a\\\\nb\\\\\\\\u0000"}]',
      ...['100', '7', '1\\t2\\r\\n\\\\ud800'],
    ].join('\t'),
  ]);
});

test('a record of no known place, without a field and a text', () => {
  const faults = [
    { code: 'A', field: null, message: 'one' },
    { code: 'B', field: 'f', message: 'two' },
  ];
  expect(write([{ rowNumber: 3, faults, byteOffset: null, byteLength: null, rowData: null }])).toEqual([
    'u\t3\tA\t\\N\tone; two\t[{"code":"A","field":null,"message":"one"},{"code":"B","field":"f","message":"two"}]\t\\N\t\\N\t\\N',
  ]);
});

test('each record has its own faults, however many lists of faults there are', () => {
  const messages = Array.from({ length: 600 }, (_, i) => `fault ${i % 400}`);
  const rows = messages.map((message, i) => ({ rowNumber: i, faults: [{ code: 'A', field: 'f', message }], ...PLACE }));
  expect(write(rows)).toEqual(
    messages.map(
      (message, i) => `u\t${i}\tA\tf\t${message}\t[{"code":"A","field":"f","message":"${message}"}]\t100\t7\ta,b`,
    ),
  );
});
