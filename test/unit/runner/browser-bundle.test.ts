/** A browser's Worker finds the same in every kind of file as the runner: the same canonical bytes, records and faults. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { type BrowserBundle, bundleForBrowser, type StartedWorker, startWorker } from '#support/browser/bundle.ts';
import type { CheckedFile } from '#support/browser/worker.ts';
import { FILE_FAULTS, KINDS, RECORD_FAULTS, SCHEMA } from '#support/records/file-kinds.ts';
import { workbookParts, zip } from '#support/records/workbook.ts';
import { checkByRunner, type FileForRunner, MAX_RECORD_BYTES } from '#support/runner/check-by-runner.ts';

/** Four texts and a bigint. The kernel takes ordinary records with these types, and none without types. */
const COLUMN_TYPES: ColumnType[] = [25, 25, 25, 25, 20].map((oid) => ({ oid, modifier: -1 }));

let bundle: BrowserBundle;
let worker: StartedWorker;
beforeAll(async () => {
  bundle = await bundleForBrowser();
  worker = startWorker(bundle.code);
}, 60_000);

describe('the bundle', () => {
  it('asks for no module of Node, and for no other that it does not hold', () => {
    const { nodeModules, imports, warnings } = bundle;
    expect({ nodeModules, imports, warnings }).toEqual({ nodeModules: [], imports: [], warnings: [] });
  });

  it('runs without Node', () => {
    for (const name of ['process', 'Buffer', 'require', 'module', 'global', 'setImmediate'])
      expect([name, worker.evaluate(`typeof ${name}`)]).toEqual([name, 'undefined']);
  });

  it('says what is wrong with a schema and a pattern', () => {
    expect(worker.checkSchema(SCHEMA, '^[a-z]+$')).toBeNull();
    expect(worker.checkSchema(SCHEMA, '(')).toMatch(/is not an RE2 pattern/);
    expect(worker.checkSchema({ ...SCHEMA, primaryKey: ['colour'] }, '')).toMatch(
      /no column gets the key field colour/,
    );
  });
});

describe.each([
  ['all records by the processor', null],
  ['ordinary records by the kernel', COLUMN_TYPES],
])('%s', (_name, columnTypes) => {
  it.each(KINDS)('$name', async ({ key, body, format: declared, found }) => {
    const inWorker = await checkInWorker({ body, key, declared, columnTypes });
    expect(inWorker).toEqual(await asInWorker({ body, key, declared, columnTypes }));
    expect(inWorker).toMatchObject({ format: found, records: 3, errors: [] });
  });

  it.each(RECORD_FAULTS)('%s', async (_case, body, errors, loaded, declared) => {
    const inWorker = await checkInWorker({ body, declared, columnTypes });
    expect(inWorker).toEqual(await asInWorker({ body, declared, columnTypes }));
    expect(inWorker).toMatchObject({ errors, records: loaded.length + errors.length });
  });
});

it.each(FILE_FAULTS)('a file that fails: %s', async (_name, body, reason, _message, declared) => {
  expect(await checkInWorker({ body, declared })).toEqual({ failedWith: reason });
  expect(await checkByRunner({ body, declared })).toMatchObject({ failedWith: reason });
});

it.each([
  ['a file of no bytes', '', {}],
  ['NDJSON of blank lines', '\n\n', { type: 'ndjson' }],
] as const)('%s has no records', async (_name, body, declared) => {
  expect(await checkInWorker({ body, declared })).toMatchObject({ records: 0, errors: [] });
});

it('a workbook with styles, dates, inline texts and a part named by another folder', async () => {
  const cells = ['a', { s: 1, v: '45688' }, { s: 3, v: '501' }, { t: 'inlineStr', xml: '<is><t>é_x000D_b</t></is>' }];
  const spec = {
    rows: { 1: ['id', 'name', 'zip', 'note'], 2: cells, 4: ['b', { v: '0.30000000000000004' }], 5: ['c'] },
  };
  const parts = workbookParts({ ...spec, formats: ['yyyy-mm-dd', 22, '00000'], date1904: true });
  const relations = 'xl/_rels/workbook.xml.rels';
  parts[relations] = parts[relations]!.replace('"worksheets/', '"../xl/./worksheets/');
  const body = zip(parts);
  const inWorker = await checkInWorker({ body });
  expect(inWorker).toEqual(await asInWorker({ body }));
  expect(inWorker).toMatchObject({ records: 3, errors: [[5, 'VAL_001']] });
});

it('types, rules and an address, with values that have no quick test', async () => {
  const schema: RecordSchemaSpec = {
    fields: [
      { name: 'id', type: 'integer' },
      { name: 'mail', type: 'string', format: 'email' },
      { name: 'page', type: 'string', format: 'uri' },
      { name: 'day', type: 'date', format: '%d.%m.%Y' },
      { name: 'code', type: 'string', constraints: { pattern: '^(a|b)+$' } },
      { name: 'data', type: 'string', format: 'binary' },
    ],
    fieldsMatch: 'equal',
    primaryKey: ['id'],
    rules: [{ rule: 'id < 5', message: 'The id must be below 5', code: 'RULE_1' }],
    target: {
      table: 't',
      create: false,
      onDuplicate: 'Skip',
      columns: [
        { name: 'id', field: 'id' },
        {
          name: 'all',
          json: [
            { path: 'mail', field: 'mail' },
            { path: 'twice', value: 'id * 2' },
          ],
        },
        { name: 'key', system: 'uuid' },
      ],
    },
  };
  const body = [
    'id,mail,page,day,code,data',
    '1,a@example.org,http://[::ffff:192.0.2.1]/é%20,31.01.2025,abab,aGk=',
    '2,a@,http://[::1]/x,31.01.2025,abab,aGk=',
    '3,a@example.org,http://[::1::]/x,31.01.2025,abab,aGk',
    '4,a@example.org,http://[::1]/x,30.02.2025,abc,aGl=',
    '9,a@example.org,http://[::1]/x,31.01.2025,ab,',
    '3000000000,a@example.org,http://[::1]/x,31.01.2025,ab,',
    '"4",a@example.org,http://[::1]/x,"31.01.2025",ab,',
  ].join('\r\n');
  const types = [23, 3802, 2950].map((oid) => ({ oid, modifier: -1 }));
  for (const columnTypes of [null, types]) {
    const inWorker = await checkInWorker({ body, schema, columnTypes });
    expect(inWorker).toEqual(await asInWorker({ body, schema, columnTypes }));
    expect(inWorker).toMatchObject({ records: 7 });
  }
});

function checkInWorker({ body, key = 'file', declared = {}, schema = SCHEMA, columnTypes = null }: FileForRunner) {
  const base64 = Buffer.from(body).toString('base64');
  return worker.checkFile({ base64, key, declared, schema, columnTypes, maxRecordBytes: MAX_RECORD_BYTES });
}

/** The runner's verdict with the code alone of each failed record, as the Worker of the tests gives it. */
async function asInWorker(file: FileForRunner): Promise<CheckedFile> {
  const verdict = await checkByRunner(file);
  if ('failedWith' in verdict) return { failedWith: verdict.failedWith };
  const { format, canonicalBase64, records, failed } = verdict;
  return {
    format,
    canonicalBase64,
    records,
    errors: failed.map(({ rowNumber, faults }) => [rowNumber, faults[0]!.code]),
  };
}
