/** The page's Worker, as it is built for the page, finds in a file what the job runner finds. */
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { FileFacts, WholeFault } from '#page/check/types.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { checkInWorker, expectAsRunner } from '#support/browser/expect-as-runner.ts';
import { type AskWorker, buildPageWorker, type PageWorker, startPageWorker } from '#support/browser/page-worker.ts';
import { FILE_FAULTS, KINDS, RECORD_FAULTS, SCHEMA } from '#support/records/file-kinds.ts';
import { REPORTED_FILES, type ReportedFile } from '#support/records/reported-files.ts';

/** Four texts and a bigint. */
const COLUMN_TYPES: ColumnType[] = [25, 25, 25, 25, 20].map((oid) => ({ oid, modifier: -1 }));

let worker: PageWorker;
let ask: AskWorker;
beforeAll(async () => {
  worker = await buildPageWorker();
  ask = startPageWorker(worker);
}, 60_000);

it('the Worker is one file, with nothing of Node', () => {
  expect(worker.others).toEqual([]);
  expect(worker.warnings).toEqual([]);
  expect(worker.fileName).toMatch(/^assets\/worker-[\w-]+\.js$/);
});

describe.each([
  ['the types of the columns are not known', null],
  ['the types of the columns are known', COLUMN_TYPES],
])('%s', (_name, columnTypes) => {
  it.each(KINDS)('$name', async ({ key, body, format: declared, expected }) => {
    const { rows, fields } = await expectAsRunner(ask, { body, key, declared, columnTypes });
    expect(fields).toEqual(['id', 'name', 'zip', 'note']);
    if (expected) expect(rows.map(({ values, rowNumber }) => [...values, rowNumber])).toEqual(expected);
  });

  it.each(RECORD_FAULTS)('%s', async (_case, body, errors, _loaded, declared) => {
    const { summary, rows } = await expectAsRunner(ask, { body, declared, columnTypes });
    expect(summary!.failed).toBe(errors.length);
    const shown = rows.filter(({ faults }) => faults.length > 0);
    expect(shown.map(({ rowNumber, faults }) => [rowNumber, faults[0]!.code])).toEqual(errors);
  });
});

it.each(FILE_FAULTS)('a file that fails: %s', async (_name, body, reason, message, declared) => {
  const { failure } = await expectAsRunner(ask, { body, declared });
  expect(failure).toMatchObject({ reason, message: expect.stringMatching(message) });
});

it.each(REPORTED_FILES)('as people reported: $name', async ({ body, fields, format, fieldsMatch }) => {
  await expectAsRunner(ask, {
    body,
    declared: format,
    schema: schemaOf({ fields, ...(fieldsMatch ? { fieldsMatch } : {}) }),
  });
});

function schemaOf({ fields, fieldsMatch = 'equal' }: Pick<ReportedFile, 'fields' | 'fieldsMatch'>): RecordSchemaSpec {
  const all = fields.map((field) => (typeof field === 'string' ? { name: field, type: 'string' as const } : field));
  return {
    fields: all,
    fieldsMatch,
    primaryKey: [all[0]!.name],
    target: {
      table: 't',
      create: false,
      onDuplicate: 'Skip',
      columns: all.map(({ name }) => ({ name, field: name })),
    },
  };
}

describe('inspection', () => {
  const inspect = async (body: Buffer | string, key = 'file'): Promise<FileFacts | WholeFault> => {
    const answers = await ask({ type: 'inspect', file: new File([Buffer.from(body)], key), declared: {} });
    const last = answers.at(-1)!;
    return last.type === 'inspected' ? last.result : (last as { fault: WholeFault }).fault;
  };

  it.each(KINDS.filter(({ format }) => format === undefined))('$name', async ({ key, body, found }) => {
    const facts = await inspect(body, key);
    expect(facts).toMatchObject({ format: found });
    expect((facts as FileFacts).header).toHaveLength(4);
  });

  it.each([
    [
      'names as they are, without nameless columns',
      ' Id ,"Full ""Name""",,x,,\n1,2,3,4\n',
      [' Id ', 'Full "Name"', '', 'x'],
    ],
    ['keys of the first objects', '{"b":1,"a":2}\n\n{"c":{"d":1}}\n[1]\n', ['b', 'a', 'c']],
    ['no name in an empty file', '', []],
  ])('%s', async (_name, body, header) => {
    expect(await inspect(body)).toMatchObject({ header });
  });

  it.each(FILE_FAULTS.filter(([, , reason, , format]) => format === undefined && /Format|Damaged/.test(reason)))(
    'a file that fails: %s',
    async (_name, body, reason, message) => {
      expect(await inspect(body)).toMatchObject({ reason, message: expect.stringMatching(message) });
    },
  );
});

describe('a part of a file', () => {
  const records = Array.from({ length: 12 }, (_, i) => `${i},"name ${i}",z,${i === 7 ? '"two\nlines"' : 't'}\n`);
  const body = `id,name,zip,note\n${records.join('')}`;

  it('has no fault that the whole file does not have, wherever it ends', async () => {
    for (let limitBytes = 0; limitBytes <= body.length + 1; limitBytes += 1) {
      const { summary, failure } = await checkInWorker(ask, { body, limitBytes });
      const inside = Buffer.byteLength(body.slice(0, limitBytes));
      const wholeRecords = records.filter((_, i) => ends(i) <= limitBytes).length;
      expect({ limitBytes, failure, summary }).toMatchObject({
        failure: null,
        summary: {
          records: wholeRecords,
          failed: 0,
          codes: [],
          complete: limitBytes >= body.length,
          bytesChecked: inside,
        },
      });
    }
  });
  const ends = (i: number) => body.indexOf(records[i]!) + records[i]!.length;

  it('is measured in decoded bytes', async () => {
    const { summary } = await checkInWorker(ask, { body: gzipSync(body), limitBytes: 200 });
    expect(summary).toMatchObject({ bytesChecked: 200, complete: false });
  });

  it('is not found to be without its end', async () => {
    const open = `id,name,zip,note\na,n,z,"${'long '.repeat(100)}`;
    expect(await checkInWorker(ask, { body: open, limitBytes: 100 })).toMatchObject({ failure: null });
    expect(await checkInWorker(ask, { body: open })).toMatchObject({ failure: { reason: 'UnterminatedQuote' } });
  });
});

describe('the first rows', () => {
  const schema: RecordSchemaSpec = {
    fields: [
      { name: 'day', type: 'date', format: '%d.%m.%Y' },
      { name: 'price', type: 'number', decimalChar: ',', groupChar: '.' },
      { name: 'name', type: 'string' },
      { name: 'ssn', type: 'string', sensitive: true },
      { name: 'more', type: 'string' },
    ],
    fieldsMatch: 'superset',
    missingValues: ['n/a'],
    rules: [{ rule: 'price < 5000', message: 'Too dear', code: 'BIZ_DEAR' }],
    target: {
      table: 't',
      create: false,
      onDuplicate: 'Skip',
      columns: [{ name: 'all', json: [{ path: 'day', field: 'day' }] }],
    },
  };
  const header = 'ssn,day,price,name\n';

  it('are as they will be stored', async () => {
    const body = `${header}123,31.01.2025,"1.234,50","a\\b"" \n"\n,31.01.2025,n/a,"x\t\\N"\n`;
    const { rows, fields } = await checkInWorker(ask, { body, schema });
    expect(fields).toEqual(['day', 'price', 'name', 'ssn', 'more']);
    expect(rows[0]).toEqual({
      rowNumber: 2,
      values: ['2025-01-31', '1234.50', 'a\\b" \n', '***', null],
      faults: [],
    });
    expect(rows[1]!.values).toEqual(['2025-01-31', null, 'x\t\\N', null, null]);
  });

  it('hide sensitive values of failed records, also where the fields may have moved', async () => {
    const body = `${header}123,30.02.2025,1,a\n123,1,a\n1"23,31.01.2025,1,a\n123,31.01.2025,9000,a\n`;
    const { rows } = await checkInWorker(ask, { body, schema });
    expect(JSON.stringify(rows)).not.toContain('23,');
    expect(rows.map(({ values, faults }) => [faults[0]?.code, ...values])).toEqual([
      ['VAL_002', '30.02.2025', '1', 'a', '***', null],
      ['VAL_010', '***', '***', null, '***', null],
      ['VAL_012', '***', '***', '***', '***', null],
      ['BIZ_DEAR', '2025-01-31', '9000', 'a', '***', null],
    ]);
  });

  it('have the beginning of a long value', async () => {
    const body = `${header}1,31.01.2025,1,${'long '.repeat(100_000)}\n`;
    const { rows } = await checkInWorker(ask, { body, schema });
    expect(rows[0]!.values[2]).toBe(`${'long '.repeat(200)}…`);
  });

  it('are ten at most, and come also of a file that then fails as a whole', async () => {
    const lines = Array.from({ length: 12 }, (_, i) => `${i},31.01.2025,1,a\n`).join('');
    expect((await checkInWorker(ask, { body: header + lines, schema })).rows).toHaveLength(10);
    const broken = gzipSync(header + lines.repeat(1000)).subarray(0, -8);
    const { rows, failure } = await checkInWorker(ask, { body: broken, schema });
    expect(failure).toMatchObject({ reason: 'FileDamaged' });
    expect(rows).toHaveLength(10);
  });
});

it.each([
  ['not known', null],
  ['known', COLUMN_TYPES],
])('equal keys are counted; the types of the columns are %s', async (_name, columnTypes) => {
  const body = 'id,name,zip,note\na,n,z,t\nb,n,z,t\na,x,y,u\n"a",,,\na,n,,\nc,n,,\n';
  const { summary } = await checkInWorker(ask, { body, columnTypes });
  expect(summary!.repeatedKeys).toEqual({ records: 2, firstRows: [4, 6], complete: true });
  expect(summary!.open).toEqual(['storedKeys', 'tableRules', ...(columnTypes ? [] : ['columnTypes'])]);
});

it('a schema that cannot be compiled is told', async () => {
  const schema = schemaOf({ fields: ['id'] });
  schema.rules = [{ rule: 'id ==', message: 'm', code: 'BIZ_X' }];
  const { failure } = await checkInWorker(ask, { body: 'id\n1\n', schema });
  expect(failure).toMatchObject({ reason: 'SchemaInvalid', message: expect.stringContaining('spec.rules[0]') });
});

describe('reading', () => {
  const body = `id,name,zip,note\n${'a,n,z,t\n'.repeat(100_000)}`;
  const check = (file: Partial<File>) => {
    const picked = Object.assign(new File([body], 'a.csv'), file);
    const request = { file: picked, spec: SCHEMA, columnTypes: null, declared: {}, limitBytes: null };
    return ask({ type: 'check', request });
  };

  it('asks for pieces alone, one after the other', async () => {
    const pieces: [number, number][] = [];
    const plain = new File([body], 'a.csv');
    const slice = (start = 0, end = 0) => {
      pieces.push([start, end]);
      return plain.slice(start, end);
    };
    const answers = await check({ slice });
    expect(answers.at(-1)).toMatchObject({ type: 'done', summary: { records: 100_000 } });
    expect(Math.max(...pieces.map(([start, end]) => end - start))).toBeLessThanOrEqual(256 * 1024);
    expect(pieces.map(([start]) => start)).toEqual([0, ...pieces.slice(0, -1).map(([, end]) => end)]);
  });

  it('a folder that seems to be a file of no bytes is told', async () => {
    const arrayBuffer = () => Promise.reject(new DOMException('a folder', 'NotFoundError'));
    const folder = Object.assign(new File([], 'folder'), { arrayBuffer });
    const [answer] = await ask({ type: 'inspect', file: folder, declared: {} });
    expect(answer).toMatchObject({ type: 'failed', fault: { reason: 'FileUnreadable' } });
  });

  it.each([
    ['a file that changes while it is read', () => Promise.reject(new DOMException('changed', 'NotReadableError'))],
    ['a folder, or a file that is gone', () => Promise.reject(new DOMException('gone', 'NotFoundError'))],
    ['a file that has become shorter', () => Promise.resolve(new ArrayBuffer(1))],
  ])('%s is told', async (_name, arrayBuffer) => {
    const plain = new File([body], 'a.csv');
    const slice = (start = 0, end = 0) =>
      start > 500_000 ? Object.assign(new Blob([]), { arrayBuffer }) : plain.slice(start, end);
    const answers = await check({ slice });
    expect(answers.at(-1)).toEqual({
      type: 'failed',
      fault: { reason: 'FileUnreadable', message: expect.stringContaining('pick the file again') },
    });
  });
});
