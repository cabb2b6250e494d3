/** Runs one record through a compiled schema as the loader does: bytes in, a row of COPY's text format out. */
import { expect } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { compileSchema, isCleanText } from '#runner/processor/process-record.ts';
import type { RecordFault } from '#runner/processor/record-fault.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';

export const CONTEXT = { uploadId: '8c7c1d3e-0000-4000-8000-000000000000', rowNumber: 7 };

export type RecordResult = { ok: true; values: (string | null)[] } | { ok: false; faults: RecordFault[] };

export interface RecordRunner {
  /** @param quoted puts quotes around every field instead of those that need them */
  process(fields: readonly string[], quoted?: boolean): RecordResult;
  /** Writes a record as a file holds it. */
  processBytes(record: Buffer): RecordResult;
}

export function createRecordRunner(schema: RecordSchemaSpec, header: readonly string[] | null = null): RecordRunner {
  const reader = createRecordReader(0x2c);
  const processor = compileSchema(schema, header, { record: reader.view });
  function processBytes(record: Buffer): RecordResult {
    const out = new RowBuffer();
    reader.read(record, 0);
    const faults = processor.process(out, CONTEXT, isCleanText(record));
    if (!faults) return { ok: true, values: decodeRows(out.all())[0]! };
    if (out.length !== 0 || out.rows !== 0) throw new Error('a record that failed left something behind');
    return { ok: false, faults };
  }
  return {
    process: (fields, quoted = false) =>
      processBytes(Buffer.from(`${fields.map((text) => quote(text, quoted)).join(',')}\n`)),
    processBytes,
  };
}

function quote(text: string, always: boolean): string {
  return always || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const ESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v' };

/** Reads a row of COPY's text format as PostgreSQL does. */
export function decodeRows(parts: readonly Buffer[]): (string | null)[][] {
  const lines = Buffer.concat(parts).toString().split('\n').slice(0, -1);
  return lines.map((line) =>
    line
      .split('\t')
      .map((value) => (value === '\\N' ? null : value.replace(/\\(.)/gs, (_, char: string) => ESCAPED[char] ?? char))),
  );
}

/** The bytes of the values in a row of COPY's binary format. */
export function decodeBinaryRows(parts: readonly Buffer[]): (Buffer | null)[][] {
  if (parts.length === 0) return [];
  const bytes = Buffer.concat(parts);
  expect(bytes.subarray(0, 19).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0');
  const rows: (Buffer | null)[][] = [];
  let at = 19;
  for (;;) {
    const columns = bytes.readInt16BE(at);
    at += 2;
    if (columns === -1) break;
    rows.push(
      Array.from({ length: columns }, () => {
        const length = bytes.readInt32BE(at);
        at += 4;
        if (length === -1) return null;
        at += length;
        return bytes.subarray(at - length, at);
      }),
    );
  }
  expect(at).toBe(bytes.length);
  return rows;
}
