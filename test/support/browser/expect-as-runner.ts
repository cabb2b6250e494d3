/** Compares what the page's Worker finds in a file with what the job runner finds. */
import { expect } from 'vitest';
import type { CheckEvent, CheckRequest, CheckSummary, Fault, ShownRow, WholeFault } from '#page/check/types.ts';
import { SCHEMA } from '#support/records/file-kinds.ts';
import { checkByRunner, type FileForRunner } from '#support/runner/check-by-runner.ts';
import type { AskWorker } from './page-worker.ts';

export interface Checked {
  summary: CheckSummary | null;
  failure: WholeFault | null;
  rows: ShownRow[];
  fields: string[];
}

export interface FileToPick extends FileForRunner {
  /** Default: all of the file is checked. */
  limitBytes?: number;
}

export async function checkInWorker(ask: AskWorker, file: FileToPick): Promise<Checked> {
  const { body, key = 'file', declared = {}, schema = SCHEMA, columnTypes = null, limitBytes = null } = file;
  const request: CheckRequest = {
    file: new File([Buffer.from(body)], key),
    spec: schema,
    columnTypes,
    declared,
    limitBytes,
  };
  const checked: Checked = { summary: null, failure: null, rows: [], fields: [] };
  for (const event of (await ask({ type: 'check', request })) as CheckEvent[]) {
    if (event.type === 'done') checked.summary = event.summary;
    else if (event.type === 'failed') checked.failure = event.fault;
    else if (event.type === 'rows') Object.assign(checked, { rows: event.rows, fields: event.fields });
  }
  return checked;
}

const SAMPLES_OF_CODE = 10;
const inOrder = (faults: Fault[]): Fault[] =>
  faults.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : a.rowNumber - b.rowNumber));

/** Expects of the Worker the faults that the job runner finds: row, code, field and message. */
export async function expectAsRunner(ask: AskWorker, file: FileForRunner): Promise<Checked> {
  const checked = await checkInWorker(ask, file);
  const verdict = await checkByRunner(file);
  if ('failedWith' in verdict) {
    expect(checked.failure).toEqual({ reason: verdict.failedWith, message: verdict.message });
    return checked;
  }
  const { format, records, failed } = verdict;
  expect(checked.failure).toBeNull();
  expect(checked.summary).toMatchObject({ format, records, failed: failed.length, complete: true });
  const all = failed.flatMap(({ rowNumber, faults }) => faults.map((fault): Fault => ({ rowNumber, ...fault })));
  const counts = Object.fromEntries(checked.summary!.codes.map(({ code, count }) => [code, count]));
  const byCode = Object.groupBy(all, ({ code }) => code);
  expect(counts).toEqual(Object.fromEntries(Object.entries(byCode).map(([code, faults]) => [code, faults!.length])));
  const samples = Object.values(byCode).flatMap((faults) => faults!.slice(0, SAMPLES_OF_CODE));
  expect(inOrder(checked.summary!.codes.flatMap((code) => code.samples))).toEqual(inOrder(samples));
  return checked;
}
