/** Checks the records of a file by the job runner's own processor, and tells what it finds. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { createKeyCounter, type KeyCounter } from '#runner/records/count-keys.ts';
import type { Block } from '#runner/records/cut-blocks.ts';
import { type PreparedRecord, prepareRecords } from '#runner/records/prepare-records.ts';
import { type OpenedFile, openFile } from '#runner/source/open-file.ts';
import { limitBytes, untilLimit } from './decoded-limit.ts';
import { createFirstRows, type FirstRows } from './first-rows.ts';
import { BROWSER_PLATFORM } from './platform.ts';
import { createProgress } from './progress.ts';
import { openPickedFile } from './read-file.ts';
import type { CheckEvent, CheckRequest, CodeSummary, Fault, OpenQuestion, RepeatedKeys } from './types.ts';

/** A pod's limit of one record, with the end of its line. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const FIRST_ROWS = 10;
const SAMPLES_OF_CODE = 10;
/** The keys take at most 100 MB. */
const MAX_KEYS = 4_000_000;

export interface CheckOptions {
  /** Called for every event but `failed`. */
  emit(event: CheckEvent): void;
  maxKeys?: number;
}

/** @throws Fault for a file that fails as a whole, SchemaError, and what reading throws */
export async function checkFile(request: CheckRequest, { emit, maxKeys = MAX_KEYS }: CheckOptions): Promise<void> {
  const { file, spec, declared, columnTypes, limitBytes: limit } = request;
  const progress = createProgress(file.size, emit);
  const picked = openPickedFile(file, progress.onRead);
  const source = await openFile({
    ...picked,
    stream: picked.readBytes(0, picked.sizeBytes),
    declared,
    schema: spec,
    maxRecordBytes: MAX_RECORD_BYTES,
    platform: BROWSER_PLATFORM,
  });
  const limited = limitBytes(source.bytes, limit);
  const rows = createRowReport(source, emit);
  const keys = createKeyCounter(spec, { maxKeys, maxRows: SAMPLES_OF_CODE });
  const codes = new CodeReport();
  const records = prepareRecords(
    { ...source, bytes: limited.bytes },
    {
      maxRecordBytes: MAX_RECORD_BYTES,
      columnTypes,
      isUtf8: BROWSER_PLATFORM.isUtf8,
      onHeader: rows.onHeader,
      onBlock: rows.onBlock,
      onRows: (stored) => keys?.add(stored),
    },
  );
  let complete = false;
  try {
    complete = await untilLimit(async () => {
      for await (const list of records) {
        codes.add(list);
        rows.add(list);
        progress.onRecords(codes.records, codes.failed);
      }
    });
  } finally {
    // A file that fails as a whole has its first rows, too.
    rows.end();
  }
  emit({
    type: 'done',
    summary: {
      format: source.format,
      header: [...rows.header],
      records: codes.records,
      failed: codes.failed,
      complete,
      bytesChecked: limited.count,
      codes: codes.list(),
      repeatedKeys: keys && repeatedKeys(keys),
      open: openQuestions(request),
    },
  });
}

interface RowReport {
  header: readonly string[];
  onHeader(header: readonly string[]): void;
  onBlock(block: Block): void;
  /** Takes the records of the block. */
  add(records: readonly PreparedRecord[]): void;
  end(): void;
}

/** Tells the first rows as soon as they are known. */
function createRowReport(source: OpenedFile, emit: (event: CheckEvent) => void): RowReport {
  let first: FirstRows | null = null;
  let block: Block | null = null;
  let isTold = false;
  const fields = source.schema.fields.map(({ name }) => name);
  const report: RowReport = {
    header: [],
    onHeader(header) {
      report.header = header;
      first = createFirstRows(source, header, FIRST_ROWS);
    },
    onBlock(next) {
      block = next;
    },
    add(records) {
      if (isTold) return;
      first!.add(block!, records);
      if (first!.isFull) report.end();
    },
    end() {
      if (!isTold && first !== null) emit({ type: 'rows', fields, rows: [...first.rows] });
      isTold = true;
    },
  };
  return report;
}

/** Counts the faults by their code. */
class CodeReport {
  records = 0;
  failed = 0;
  readonly #codes = new Map<string, CodeSummary>();

  add(list: readonly PreparedRecord[]): void {
    this.records += list.length;
    for (const { rowNumber, faults } of list) {
      if (faults.length === 0) continue;
      this.failed += 1;
      for (const fault of faults) this.#addFault({ rowNumber, ...fault });
    }
  }

  #addFault(fault: Fault): void {
    const { code } = fault;
    const known = this.#codes.get(code) ?? { code, count: 0, samples: [] };
    this.#codes.set(code, known);
    known.count += 1;
    if (known.samples.length < SAMPLES_OF_CODE) known.samples.push(fault);
  }

  list(): CodeSummary[] {
    return [...this.#codes.values()].sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
  }
}

function repeatedKeys({ repeated, firstRows, complete }: KeyCounter): RepeatedKeys {
  return { records: repeated, firstRows: [...firstRows], complete };
}

function openQuestions({ spec, columnTypes }: { spec: RecordSchemaSpec } & Pick<CheckRequest, 'columnTypes'>) {
  const open: OpenQuestion[] = ['tableRules'];
  if (spec.primaryKey?.length) open.unshift('storedKeys');
  if (columnTypes === null) open.push('columnTypes');
  return open;
}
