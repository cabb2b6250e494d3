/** Random files and schemas: the page's Worker finds what the job runner finds, fault by fault. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { expectAsRunner } from '#support/browser/expect-as-runner.ts';
import { type AskWorker, buildPageWorker, startPageWorker } from '#support/browser/page-worker.ts';
import { workbook, zip } from '#support/records/workbook.ts';

let ask: AskWorker;
beforeAll(async () => {
  ask = startPageWorker(await buildPageWorker());
}, 60_000);

/** Each kind of field with texts of which some are right, and the type of its column. */
const KINDS: { field: RecordSchemaSpec['fields'][number]; oid: number; texts: string[] }[] = [
  {
    field: { name: 'id', type: 'integer' },
    oid: 23,
    texts: ['1', '2', '03', '-4', '', '3000000000', '5.0', ' 6 ', 'x'],
  },
  { field: { name: 'small', type: 'integer', constraints: { minimum: '1' } }, oid: 21, texts: ['1', '0', '40000', ''] },
  {
    field: { name: 'price', type: 'number', decimalChar: ',', groupChar: '.' },
    oid: 1700,
    texts: ['1,5', '1.234,50', '1.5', 'NaN', ''],
  },
  {
    field: { name: 'day', type: 'date', format: '%d.%m.%Y' },
    oid: 1082,
    texts: ['31.01.2025', '30.02.2025', '2025-01-31', ''],
  },
  {
    field: { name: 'at', type: 'datetime' },
    oid: 1184,
    texts: ['2025-01-31T12:00:00Z', '2025-01-31 12:00:00+02', 'noon', ''],
  },
  { field: { name: 'ok', type: 'boolean' }, oid: 16, texts: ['true', 'false', '1', 'yes', ''] },
  {
    field: { name: 'mail', type: 'string', format: 'email' },
    oid: 25,
    texts: ['a@example.org', 'a@', 'ä@example.org', ''],
  },
  {
    field: { name: 'state', type: 'string', constraints: { enum: ['new', 'old'], required: true } },
    oid: 25,
    texts: ['new', 'old', 'NEW', '', '  '],
  },
  {
    field: { name: 'name', type: 'string', sensitive: true, constraints: { maxLength: 6 } },
    oid: 1043,
    texts: ['Zoë', 'a,b', 'say "hi"', 'two\nlines', 'far too long', '\\N', "O'Neil"],
  },
  { field: { name: 'data', type: 'object' }, oid: 3802, texts: ['{"a":1}', '{"a":1,"a":2}', '[1]', '{', ''] },
];
const RULES = [{ rule: 'state != "old" || ok == true', message: 'An old one must be ok', code: 'BIZ_OLD' }];

interface RandomFile {
  schema: RecordSchemaSpec;
  columnTypes: ColumnType[] | null;
  header: string[];
  records: string[][];
}

const randomFile: fc.Arbitrary<RandomFile> = fc
  .record({
    kinds: fc.shuffledSubarray(KINDS, { minLength: KINDS.length - 3 }),
    typesAreKnown: fc.boolean(),
    rows: fc.array(fc.array(fc.nat(), { minLength: KINDS.length, maxLength: KINDS.length }), { maxLength: 25 }),
    odd: fc.array(fc.constantFrom('ok', 'ok', 'ok', 'short', 'long'), { minLength: 25, maxLength: 25 }),
  })
  .map(({ kinds, typesAreKnown, rows, odd }) => {
    const names = kinds.map(({ field }) => field.name);
    const records = rows.map((row, i) => {
      const record = kinds.map(({ texts }, column) => texts[row[column]! % texts.length]!);
      return odd[i] === 'short' ? record.slice(1) : odd[i] === 'long' ? [...record, 'x'] : record;
    });
    return {
      schema: {
        fields: kinds.map(({ field }) => field),
        fieldsMatch: 'equal',
        rules: names.includes('state') && names.includes('ok') ? RULES : [],
        target: {
          table: 't',
          create: false,
          onDuplicate: 'Skip',
          columns: names.map((name) => ({ name, field: name })),
        },
      },
      columnTypes: typesAreKnown ? kinds.map(({ oid }) => ({ oid, modifier: -1 })) : null,
      header: names,
      records,
    };
  });

type Pack = (file: RandomFile, choose: (below: number) => number) => { body: Buffer; declared?: DeclaredFormat };

function csv({ header, records }: RandomFile, delimiter: string, end: string, quotes: boolean): string {
  const write = (text: string) => (quotes || /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [header, ...records].map((record) => record.map(write).join(delimiter) + end).join('');
}

const PACKS: Record<string, Pack> = {
  'CSV of every delimiter, line end, encoding and compression': (file, choose) => {
    const text = csv(file, [',', ';', '\t', '|'][choose(4)]!, ['\n', '\r\n'][choose(2)]!, choose(2) === 0);
    const bytes = [Buffer.from(text), Buffer.from(`\ufeff${text}`, 'utf16le'), Buffer.from(text, 'latin1')][choose(3)]!;
    const cut = choose(bytes.length + 1);
    const pack = [
      () => bytes,
      () => Buffer.concat([gzipSync(bytes.subarray(0, cut)), gzipSync(bytes.subarray(cut))]),
      () => Buffer.concat([zstdCompressSync(bytes.subarray(0, cut)), zstdCompressSync(bytes.subarray(cut))]),
      () => zip({ 'a.csv': bytes }),
      // A stray byte makes a record fail, and a file that is cut may fail as a whole.
      () => bytes.with(cut % bytes.length, [0x22, 0xff, 0x00, 0x2c][choose(4)]!) as Buffer,
      () => bytes.subarray(0, cut),
    ];
    return { body: pack[choose(pack.length)]!() };
  },
  NDJSON: ({ header, records }, choose) => {
    const value = (text: string) =>
      choose(4) === 0 && /^-?[0-9.]+$/.test(text) ? Number(text) : choose(9) === 0 ? null : text;
    const lines = records.map((record) => {
      const entries = record.map((text, i) => [header[i] ?? 'extra', value(text)]);
      const line = JSON.stringify(Object.fromEntries(entries));
      return choose(12) === 0 ? line.slice(1) : line;
    });
    return { body: Buffer.from(lines.join('\n')), declared: { type: 'ndjson' } };
  },
  'a workbook': ({ header, records }, choose) => {
    const cell = (text: string) =>
      /^[0-9.]+$/.test(text) && choose(2) === 0 ? { v: text, s: choose(3) } : text === '' ? null : text;
    const rows = records.map((record, i) => [i + 2, record.map(cell)] as const);
    return {
      body: workbook({ rows: { 1: header, ...Object.fromEntries(rows) }, formats: ['yyyy-mm-dd', '0.00'] }),
    };
  },
};

it.each(Object.entries(PACKS))('%s', async (_name, pack) => {
  await fc.assert(
    fc.asyncProperty(randomFile, fc.infiniteStream(fc.nat()), async (file, numbers) => {
      const choose = (below: number) => (numbers.next().value as number) % below;
      const { schema, columnTypes } = file;
      await expectAsRunner(ask, { ...pack(file, choose), schema, columnTypes });
    }),
    { numRuns: 60 },
  );
});
