/** Helpers of the kernel's tests: they prepare a chunk's records with the kernel, and with the processor alone. */
import { expect } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { FailedRow } from '#ledger/errors/insert-errors.ts';
import type { Chunk } from '#ledger/types.ts';
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { createRowKernel } from '#runner/kernel/row-kernel.ts';
import { createChunkPreparer, type Position } from '#runner/load/prepare-chunk.ts';
import { type ColumnType, chooseEncodings, type Encoding, uuidBytes } from '#runner/processor/column-encoding.ts';
import { QUOTING_FAULT, TEXT_FAULT } from '#runner/processor/faults.ts';
import { compileSchema, isCleanText } from '#runner/processor/process-record.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { collectFailed } from '#support/runner/prepared-chunks.ts';

export const UPLOAD = '8c7c1d3e-0000-4000-8000-00000000abcd';

/** pg_type.oid by the type's name. */
export const OIDS = {
  ...{ boolean: 16, int8: 20, int2: 21, int4: 23, text: 25, json: 114, float8: 701, varchar: 1043 },
  ...{ date: 1082, numeric: 1700, uuid: 2950, jsonb: 3802 },
} as const;
export type TypeName = keyof typeof OIDS;

export interface Setup {
  schema: RecordSchemaSpec;
  /** Default: the header that the schema expects. */
  header?: string[];
  encodings: Encoding[];
  delimiter?: string;
  /** The types of the columns, where they tell what a column has no room for. */
  baseTypes?: ColumnType[];
}

/** @throws when a column has no encoding for its type */
export function encodingsOf(schema: RecordSchemaSpec, types: readonly (TypeName | ColumnType)[]): Encoding[] {
  const columns = types.map((type) => (typeof type === 'string' ? { oid: OIDS[type], modifier: -1 } : type));
  const encodings = chooseEncodings(schema, columns);
  if (encodings === null) throw new Error('a column has no encoding');
  return encodings;
}

export interface Outcome {
  /** The rows are in COPY's binary format. */
  rows: RowBuffer;
  failed: FailedRow[];
  /** The row number and the position of each record; blank lines are no records. */
  positions: [rowNumber: number, position: Position][];
}

/** The chunk begins at this byte of its file. */
const START = 1000;

type ByReference = (bytes: Buffer, firstRowNumber: number) => Outcome;

/** Prepares each record by reader and processor alone; the kernel must agree with the result. */
export function createReference({ schema, header, encodings, baseTypes, delimiter = ',' }: Setup): ByReference {
  const reader = createRecordReader(delimiter.charCodeAt(0));
  const processor = compileSchema(schema, header ?? null, {
    record: reader.view,
    encodings,
    baseTypes: baseTypes ?? null,
  });
  return (bytes, firstRowNumber) => {
    const rows = new RowBuffer('binary');
    const failed: FailedRow[] = [];
    const positions: Outcome['positions'] = [];
    let rowNumber = firstRowNumber;
    for (let at = 0; at < bytes.length; rowNumber += 1) {
      const next = reader.read(bytes, at);
      const { blank, malformed } = reader.view;
      if (!blank) {
        const position = { byteOffset: START + at, byteLength: next - at };
        positions.push([rowNumber, position]);
        const isText = isCleanText(bytes.subarray(at, next));
        const faults = malformed
          ? [isText ? QUOTING_FAULT : TEXT_FAULT]
          : processor.process(rows, { uploadId: UPLOAD, rowNumber }, isText);
        if (faults) failed.push({ rowNumber, faults, ...position, rowData: null });
      }
      at = next;
    }
    return { rows, failed, positions };
  };
}

/** Prepares records with the kernel, which is asked at every record, even if it leaves many to the processor. */
function createKernelRun({ schema, header, encodings, baseTypes, delimiter = ',' }: Setup) {
  const between = delimiter.charCodeAt(0);
  const reader = createRecordReader(between);
  const processor = compileSchema(schema, header ?? null, {
    record: reader.view,
    encodings,
    baseTypes: baseTypes ?? null,
  });
  const kernel = createRowKernel({
    ...processor.parts,
    ...{ delimiter: between, context: { uploadId: UPLOAD }, uploadId: uuidBytes(UPLOAD) },
  });
  return (bytes: Buffer, firstRowNumber: number) => {
    const rows = new RowBuffer('binary');
    const isText = isCleanText(bytes);
    let rowNumber = firstRowNumber;
    let taken = 0;
    kernel?.reset();
    for (let at = 0; at < bytes.length; rowNumber += 1) {
      const before = rows.rows;
      if (kernel) at = kernel.run(bytes, at, rowNumber, { rows, isText, onRecord: () => {} });
      taken += rows.rows - before;
      rowNumber += rows.rows - before;
      if (at === bytes.length) break;
      const next = reader.read(bytes, at);
      const { blank, malformed } = reader.view;
      if (!blank && !malformed)
        processor.process(rows, { uploadId: UPLOAD, rowNumber }, isCleanText(bytes.subarray(at, next)));
      at = next;
    }
    return { rows, taken };
  };
}

export type Compare = (file: Buffer | string, firstRowNumber?: number) => Outcome & { taken: number };

/**
 * Prepares one chunk after the other with and without the kernel, and expects the same.
 * @returns a function that says of a chunk what came out, and how many records the kernel took
 */
export function createComparison(setup: Setup): Compare {
  const { schema, encodings, delimiter = ',' } = setup;
  const header = setup.header ?? schema.fields.map(({ name }) => name);
  const { baseTypes = null } = setup;
  const options = { schema, header, uploadId: UPLOAD, storeRowData: false, delimiter, encodings, baseTypes };
  const preparer = createChunkPreparer(options);
  const byReference = createReference(setup);
  const byKernel = createKernelRun(setup);
  let number = 0;
  return (file, firstRowNumber = 2) => {
    const bytes = Buffer.isBuffer(file) ? file : Buffer.from(file);
    const expected = byReference(bytes, firstRowNumber);
    const { positions } = expected;
    const chunk: Chunk = {
      ...{ number, startByte: START, endByte: START + bytes.length },
      ...{ firstRowNumber, recordCount: positions.length },
    };
    number += 1;
    const rows = new RowBuffer('binary');
    const collected = collectFailed();
    const prepared = preparer.prepare(chunk, bytes, { rows, failed: collected });
    const always = byKernel(bytes, firstRowNumber);
    expectSameRows(rows, expected.rows);
    expectSameRows(always.rows, expected.rows);
    expect(collected.list).toEqual(expected.failed);
    expect([prepared.from, prepared.to]).toEqual([0, expected.rows.rows]);
    for (const [rowNumber, position] of positions) {
      const { byteOffset, byteLength } = prepared.positionOf(rowNumber) ?? {};
      if (byteOffset !== position.byteOffset || byteLength !== position.byteLength)
        expect({ rowNumber, byteOffset, byteLength }).toEqual({ rowNumber, ...position });
    }
    return { ...expected, taken: always.taken };
  };
}

const all = (rows: RowBuffer) => Array.from({ length: rows.rows }, (_, i) => i);

function expectSameRows(found: RowBuffer, expected: RowBuffer): void {
  const same =
    found.rows === expected.rows &&
    Buffer.concat(found.all()).equals(Buffer.concat(expected.all())) &&
    // These bytes hold the row numbers, and depend on where each row ends.
    Buffer.concat(found.selectWithRowNumbers(all(found))).equals(
      Buffer.concat(expected.selectWithRowNumbers(all(expected))),
    );
  if (same) return;
  const shown = (rows: RowBuffer) =>
    all(rows).map((row) => `${rows.rowNumber(row)}: ${Buffer.concat(rows.select([row])).toString('latin1')}`);
  expect(shown(found)).toEqual(shown(expected));
  expect.fail('the rows end at other bytes');
}
