import { parse as parseCsv } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { plain } from '#cli/io/paint.ts';
import { type CheckOptions, checkFile, type FileReport } from '#cli/validate/check-file.ts';
import { formatJson, formatText, isOk } from '#cli/validate/format-report.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { createTextWriter } from '#runner/record-processor.ts';
import { createFailedRecordsFormat, formatCsvRow, neutralize } from '#runner/report/failed-records-csv.ts';
import { memoryFile } from '#support/cli/memory-file.ts';
import { FILE_FAULTS, KINDS, RECORD_FAULTS, SCHEMA } from '#support/records/file-kinds.ts';
import { type CellSpec, workbook } from '#support/records/workbook.ts';
import { specOfFields } from './schemas.ts';

function check(body: Buffer | string, more: Partial<CheckOptions> = {}, key = 'x.csv'): Promise<FileReport> {
  const options = { declared: {}, platform: NODE_PLATFORM, maxRecordBytes: 1 << 20, rowsOfCode: 100, maxKeys: 1000 };
  return checkFile(memoryFile(key, body), { schema: SCHEMA, ...options, ...more });
}

describe('files of every kind', () => {
  test.each(KINDS.map((kind) => [kind.name, kind] as const))('%s', async (_name, { key, body, format = {}, found }) => {
    const report = await check(body, { declared: format }, key);
    expect(report).toMatchObject({ records: 3, valid: 3, failed: 0, faults: [], format: found });
  });

  test.each(RECORD_FAULTS)('%s', async (_name, body, errors, loaded, format = {}) => {
    const failed: [number, string][] = [];
    const report = await check(body, {
      declared: format,
      onFailed: ({ rowNumber, faults }) => void failed.push([rowNumber, faults[0]!.code]),
    });
    expect(failed).toEqual(errors);
    expect(report).toMatchObject({ failed: errors.length, valid: loaded.length });
    const rows = report.faults.flatMap(({ code, first }) => first.map(({ row }) => [row, code]));
    expect(rows).toEqual(expect.arrayContaining(errors));
  });

  test.each(FILE_FAULTS)('%s', async (_name, body, reason, _message, format = {}) => {
    await expect(check(body, { declared: format })).rejects.toMatchObject({ name: 'Fault', reason });
  });

  test('an empty file has no records', async () => {
    expect(await check('')).toMatchObject({ records: 0, failed: 0 });
  });
});

describe('equal keys within the file', () => {
  const body = (ids: readonly string[]) => `id,name,zip,note\n${ids.map((id) => `${id},n,,\n`).join('')}`;

  test('are those of earlier valid records, as a set says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\\', '\t', "'"), minLength: 1, maxLength: 3 })),
        async (ids) => {
          const present = ids.filter((id) => id.trim() !== '');
          const { repeatedKeys } = await check(body(present));
          expect(repeatedKeys!.records).toBe(present.length - new Set(present).size);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('are named by their rows', async () => {
    expect((await check(body(['a', 'b', 'a', 'c', 'b']))).repeatedKeys).toEqual({
      records: 2,
      firstRows: [4, 6],
      complete: true,
    });
  });

  test('beyond the bound are not looked for, and the report says so', async () => {
    const report = await check(body(['a', 'b', 'c', 'a']), { maxKeys: 2 });
    expect(report.repeatedKeys).toEqual({ records: 0, firstRows: [], complete: false });
    expect(formatText(report, { file: 'x', schema: SCHEMA, durationMs: 1 }, plain)).toContain('in its first part only');
  });

  test.each([
    ['Skip', true],
    ['Update', true],
    ['Fail', false],
  ] as const)('with onDuplicate %s the file is valid: %s', async (onDuplicate, ok) => {
    const schema: RecordSchemaSpec = { ...SCHEMA, target: { ...SCHEMA.target, onDuplicate } };
    expect(isOk(await check(body(['a', 'a']), { schema }), schema)).toBe(ok);
  });

  test('several fields make one key', async () => {
    const schema = specOfFields([{ name: 'a' }, { name: 'b' }], { primaryKey: ['a', 'b'] });
    expect((await check('a,b\nx,yz\nxy,z\nx,yz\n', { schema })).repeatedKeys).toMatchObject({ firstRows: [4] });
  });
});

describe('what is printed', () => {
  const context = { file: 'people.csv', schema: SCHEMA, durationMs: 500 };
  const bad = 'id,name,zip,note\na,,z,t\nb,n,z,t\nc,n\na,n,z,t\n';

  it('names codes, rows, fields and reasons', async () => {
    const text = formatText(await check(bad), context, plain);
    expect(text).toMatch(/^VAL_001 {2}1 fault\n {2}row 2 {2}name {2}name is required$/m);
    expect(text).toMatch(/^VAL_010 {2}1 fault$/m);
    expect(text).toContain('✘ people.csv: 2 of 4 records fail, 2 valid');
  });

  it('ends the rows of a code with how many more there are', async () => {
    expect(formatText(await check(bad.replace('b,n', 'b,'), { rowsOfCode: 1 }), context, plain)).toContain(
      '… and 1 more',
    );
  });

  it('says that all is well', async () => {
    const text = formatText(await check('id,name,zip,note\na,n,z,t\n'), context, plain);
    expect(text).toContain('✔ people.csv: the one record is valid');
    expect(text).toContain('Only the database can say');
  });

  it('says that records are appended where there is no key', async () => {
    const { primaryKey: _key, ...schema } = SCHEMA;
    const report = await check('id,name,zip,note\na,n,z,t\na,n,z,t\n', { schema });
    expect(report).toMatchObject({ valid: 2, repeatedKeys: null });
    const text = formatText(report, { ...context, schema }, plain);
    expect(text).toContain('all 2 records are valid');
    expect(text).toContain('The schema has no primaryKey: an upload appends every record.');
    expect(text).not.toContain('Only the database can say');
  });

  it('is one JSON document', async () => {
    const document = JSON.parse(formatJson(await check(bad), context));
    expect(document).toMatchObject({ file: 'people.csv', ok: false, records: 4, valid: 2, failed: 2, durationMs: 500 });
    expect(document.faults.map(({ code }: { code: string }) => code)).toEqual(['VAL_001', 'VAL_010']);
  });
});

describe('the file of failed records', () => {
  async function write(body: Buffer | string, more: Partial<CheckOptions> = {}): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let format: ReturnType<typeof createFailedRecordsFormat>;
    await check(body, {
      ...more,
      onHeader(header, { format: { delimiter, chunkDelimiter, typedValues } }) {
        const toTexts = createTextWriter(more.schema ?? SCHEMA, header, chunkDelimiter);
        const typed = typedValues ? { toTexts } : {};
        format = createFailedRecordsFormat({ header, chunkDelimiter, delimiter: delimiter ?? ',', ...typed });
        pieces.push(format.header());
      },
      onFailed: (record) => void pieces.push(format.record(record)),
    });
    return Buffer.concat(pieces);
  }

  it('has the columns of the file, and three more', async () => {
    const text = (await write('note;id;name;zip\nplain;a;;1\n"x;\ny";b;n;2\n"say ""hi""";c;;3\n')).toString();
    expect(parseCsv(text, { delimiter: ';' })).toEqual([
      ['note', 'id', 'name', 'zip', '_row', '_code', '_message'],
      ['plain', 'a', '', '1', '2', 'VAL_001', 'name is required'],
      ['say "hi"', 'c', '', '3', '4', 'VAL_001', 'name is required'],
    ]);
  });

  it('holds typed values as the texts that the schema reads, so that they are not read as others', async () => {
    const schema = specOfFields([
      { name: 'id', type: 'integer', groupChar: '.' },
      { name: 'amount', type: 'number', decimalChar: ',', groupChar: '.' },
      { name: 'paid', type: 'boolean', trueValues: ['ja', 'j'], falseValues: ['nein'] },
      { name: 'day', type: 'date', format: '%d.%m.%y' },
      { name: 'sent', type: 'datetime', format: '%d.%m.%Y %I:%M %p' },
      { name: 'note', type: 'string', constraints: { required: true } },
    ]);
    const cells = (note: string, ...values: CellSpec[]): CellSpec[] => [...values, note];
    const day = (v: string) => ({ s: 1, v });
    const text = await write(
      workbook({
        formats: [22],
        rows: {
          1: schema.fields.map(({ name }) => name),
          2: cells('', { v: '1' }, { v: '1.234' }, { t: 'b', v: '1' }, day('45688'), day('45688.75')),
          3: cells('', { v: '2' }, '1.234', 'nein', '1.2.25', day('45688.750011574')),
          4: cells('x', { v: '1.234' }, { v: '-1234.5' }, { t: 'b', v: '0' }, day('18294'), day('45688')),
        },
      }),
      { schema },
    );
    const rows = parseCsv(text.toString()).map((row: string[]) => row.slice(0, 5).join(' '));
    expect(rows).toEqual([
      'id amount paid day sent',
      '1 1,234 ja 31.01.25 31.01.2025 06:00 PM',
      '2 1.234 nein 1.2.25 2025-01-31T18:00:01',
      '1,234 -1234,5 nein 1950-01-31 31.01.2025 12:00 AM',
    ]);
  });

  it('keeps bytes that are no text, and fields that are too many', async () => {
    const bytes = await write(
      Buffer.concat([Buffer.from('id,name,zip,note\né,'), Buffer.from([0xe9]), Buffer.from(',z,t\nc,n,z,t,é\n')]),
    );
    expect(bytes.includes(Buffer.concat([Buffer.from('é,'), Buffer.from([0xe9]), Buffer.from(',z,t,2,VAL_011')]))).toBe(
      true,
    );
    expect(bytes.toString()).toContain('c,n,z,"t,é",3,VAL_010');
  });

  test.each(['=1+1', '+cmd', '-2+3', '@sum(A1)', '\tx', '\rx', "=cmd|' /C calc'!A0"])('neutralizes %j', (text) => {
    expect(neutralize(text)).toBe(`'${text}`);
  });

  test.each(['-1', '+1', '-1.5', '-1,234.5', '+1e5', '-.5', 'a=b', '', "'x", '1-2'])('leaves %j', (text) => {
    expect(neutralize(text)).toBe(text);
  });

  it('is read by another program as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 2 }), fc.constantFrom(',', ';', '\t', '|'), (cells, delimiter) => {
        expect(parseCsv(formatCsvRow(cells, delimiter), { delimiter, record_delimiter: '\n' })).toEqual([cells]);
      }),
    );
  });
});
