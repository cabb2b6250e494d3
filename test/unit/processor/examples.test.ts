/** Runs the example schemas on whole files, and compares with the oracle, which shares no code with the runner. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { FailedRow } from '#ledger/errors/insert-errors.ts';
import { createRecordScanner } from '#runner/csv/scanner.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import { createChunkPreparer, type PreparedChunk } from '#runner/load/prepare-chunk.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { CERTIFICATION_COLUMNS, generateCertifications } from '#support/records/certifications.ts';
import { canonical, type ExpectedRecord, expectCertifications } from '#support/records/oracle.ts';
import { collectFailed } from '#support/runner/prepared-chunks.ts';
import { decodeRows } from './run-record.ts';

const UPLOAD = '8c7c1d3e-0000-4000-8000-000000000000';

/** An example schema with the defaults that the API server adds. */
function readSchema(file: string): RecordSchemaSpec {
  const { spec } = parse(readFileSync(new URL(`../../../crds/examples/${file}`, import.meta.url), 'utf8'));
  return {
    fieldsMatch: 'equal',
    ...spec,
    fields: spec.fields.map((field: object) => ({ type: 'string', ...field })),
    target: { create: false, onDuplicate: 'Skip', ...spec.target },
  };
}

interface Prepared extends Omit<PreparedChunk, 'failed'> {
  failed: FailedRow[];
  valid: { rowNumber: number; values: (string | null)[] }[];
}

/** Prepares the whole file as one chunk. */
function prepare(schema: RecordSchemaSpec, file: Buffer): Prepared {
  const found: { start: number; end: number; row: number }[] = [];
  const scanner = createRecordScanner({
    maxRecordBytes: 1 << 20,
    onRecord: (start, end, row) => found.push({ start, end, row }),
  });
  scanner.push(file);
  scanner.end();
  const [head, ...records] = found;
  const header = splitRecord(withoutLineEnd(file.toString('utf8', head!.start, head!.end))).fields;
  const chunk = {
    number: 0,
    startByte: records[0]!.start,
    endByte: file.length,
    firstRowNumber: records[0]!.row,
    recordCount: records.length,
  };
  const rows = new RowBuffer();
  const failed = collectFailed();
  const preparer = createChunkPreparer({ schema, header, storeRowData: true, uploadId: UPLOAD });
  const prepared = preparer.prepare(chunk, file.subarray(chunk.startByte), { rows, failed });
  expect([prepared.from, prepared.to]).toEqual([0, rows.rows]);
  const valid = decodeRows(rows.all()).map((values, i) => ({ rowNumber: rows.rowNumber(i), values }));
  return { ...prepared, failed: failed.list, valid };
}

function outcomes(schema: RecordSchemaSpec, file: Buffer) {
  const { valid, failed } = prepare(schema, file);
  const names = schema.target.columns.map(({ name }) => name);
  const json = new Set(schema.target.columns.flatMap(({ name, json: properties }) => (properties ? [name] : [])));
  const rows = new Map<number, string>();
  for (const { rowNumber, values } of valid) {
    const {
      id: _new,
      batch_upload_id,
      row_number,
      ...columns
    } = Object.fromEntries(names.map((name, i) => [name, json.has(name) ? JSON.parse(values[i]!) : values[i]]));
    expect([batch_upload_id, row_number]).toEqual([UPLOAD, String(rowNumber)]);
    rows.set(rowNumber, canonical(columns));
  }
  for (const { rowNumber, faults } of failed) rows.set(rowNumber, canonical(faults.map(({ code }) => code)));
  return rows;
}

function expectLike(found: Map<number, string>, expected: Iterable<ExpectedRecord>): void {
  let records = 0;
  for (const record of expected) {
    records += 1;
    // Duplicates do not count here, since only the table knows which keys are stored already.
    if (record.outcome === 'duplicate') continue;
    const want = record.outcome === 'failed' ? canonical(record.codes) : canonical(record.columns);
    expect(found.get(record.row), `row ${record.row}`).toBe(want);
  }
  expect(found.size).toBe(records);
}

describe('certifications', () => {
  const schema = readSchema('recordschema-certifications.yaml');

  test.each(['\n', '\r\n'] as const)(
    'a generated file with a third of bad records, lines ending with %j',
    (lineEnd) => {
      const { pieces, counts } = generateCertifications({ records: 6000, seed: 3, bad: 0.3, duplicates: 0.1, lineEnd });
      const file = Buffer.concat([...pieces]);
      expectLike(outcomes(schema, file), expectCertifications(file));
      expect(Object.keys(counts.codes).sort()).toEqual(
        ['VAL_001', 'VAL_002', 'VAL_003', 'VAL_004', 'VAL_005', 'VAL_010', 'VAL_011', 'VAL_012', 'DUP_001'].sort(),
      );
    },
  );

  test('sensitive values of failed records are masked', () => {
    const { pieces } = generateCertifications({ records: 3000, seed: 4, bad: 1, duplicates: 0 });
    const { failed } = prepare(schema, Buffer.concat([...pieces]));
    for (const { rowData, faults } of failed) {
      expect(rowData, faults[0]!.code).not.toMatch(/@example\.org/);
    }
  });

  const good: Record<string, string> = {
    member_id: 'M1',
    case_number: 'C1',
    member_email: 'a@b.org',
    certification_date: '2025-01-15',
    certification_type: 'recertification',
  };
  const line = (changes: Record<string, string>) =>
    CERTIFICATION_COLUMNS.map((name) => `"${({ ...good, ...changes }[name] ?? '').replaceAll('"', '""')}"`).join(',');

  test.each<[changes: Record<string, string>, codes: string[]]>([
    [{}, []],
    [{ member_id: '' }, ['VAL_001']],
    [{ case_number: ' ' }, ['VAL_001']],
    [{ member_email: '\t' }, ['VAL_001']],
    [{ certification_date: '' }, ['VAL_001']],
    [{ certification_type: '' }, ['VAL_001']],
    [{ certification_date: '2024-02-29' }, []],
    [{ certification_date: '2025-02-29' }, ['VAL_002']],
    [{ certification_date: '2025-02-30' }, ['VAL_002']],
    [{ certification_date: '0000-01-01' }, ['VAL_002']],
    [{ date_of_birth: '1990-13-01' }, ['VAL_002']],
    [{ date_of_birth: ' ' }, []],
    [{ member_email: 'nobody' }, ['VAL_003']],
    [{ certification_type: 'New_Application' }, ['VAL_004']],
    [{ lookback_period: '-1' }, ['VAL_005']],
    [{ number_of_months_to_certify: '+1' }, ['VAL_005']],
    [{ due_period_days: '1.5' }, ['VAL_005']],
    [{ work_hours: 'forty' }, ['VAL_005']],
    [{ work_hours: '007', lookback_period: '9007199254740993' }, []],
    [
      { work_hours: 'x', certification_type: 'x', member_email: 'x', date_of_birth: 'x', member_id: '' },
      ['VAL_001', 'VAL_002', 'VAL_003', 'VAL_004', 'VAL_005'],
    ],
  ])('%j: %j', (changes, codes) => {
    const file = Buffer.from(`${CERTIFICATION_COLUMNS.join(',')}\n${line(changes)}\n`);
    const { valid, failed } = prepare(schema, file);
    expect(failed.flatMap(({ faults }) => faults.map(({ code }) => code))).toEqual(codes);
    expect(valid).toHaveLength(codes.length === 0 ? 1 : 0);
    const [expected] = expectCertifications(file);
    expect(expected!.outcome === 'failed' ? expected!.codes : []).toEqual(codes);
  });

  test.each([
    ['yes', '2025-01-15'],
    ['TRUE', '2025-01-15'],
    ['no', undefined],
    ['', undefined],
    ['yes ', undefined],
  ])('pregnancy status %j: due or parturition date %s', (status, date) => {
    const file = Buffer.from(`${CERTIFICATION_COLUMNS.join(',')}\n${line({ pregnancy_status: status })}`);
    const [row] = prepare(schema, file).valid;
    const data = row!.values[schema.target.columns.findIndex(({ name }) => name === 'member_data')]!;
    expect(JSON.parse(data)['pregnancy_due_or_parturition_date']).toBe(date);
  });

  test('integers of the file are numbers of JSON, every digit of them', () => {
    const file = Buffer.from(`${CERTIFICATION_COLUMNS.join(',')}\n${line({ lookback_period: '009007199254740993' })}`);
    expect(JSON.stringify(prepare(schema, file).valid[0]!.values)).toContain('lookback_period\\":9007199254740993}');
  });
});

test('airports: every record of the public file is valid', () => {
  const file = readFileSync(new URL('../../../node_modules/vega-datasets/data/airports.csv', import.meta.url));
  const { valid, failed } = prepare(readSchema('recordschema-airports.yaml'), file);
  const lines = file.toString().trimEnd().split('\n').length;
  expect(failed).toEqual([]);
  expect(valid).toHaveLength(lines - 1);
  expect(new Set(valid.map(({ values }) => values[0])).size).toBe(lines - 1);
});
