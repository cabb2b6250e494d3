/**
 * `node test/bench/page-check.ts` checks files in the staff page's Web Worker, in Chromium, beside the job runner's own
 * code in Node: time, the longest pause of the page, and the memory of the tab. It prints the table of
 * docs/measurements.md. No time is asserted; another verdict than the job runner's fails.
 *
 * RECORDS=300000 (a file of 50 MB)  RUNS=3  LARGE_GB=5 (0: no large file)
 */
import { openAsBlob } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { readSchema } from '#cli/schema/read-schema.ts';
import type { CheckSummary } from '#page/check/types.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { prepareRecords } from '#runner/records/prepare-records.ts';
import { openFile } from '#runner/source/open-file.ts';
import { openCheckPage } from '#support/page/check-page.ts';
import { certificationFile } from './files.ts';

const MIB = 2 ** 20;
const MAX_RECORD_BYTES = 16 * MIB;
const records = Number(process.env['RECORDS'] ?? 300_000);
const runs = Number(process.env['RUNS'] ?? 3);
const largeGb = Number(process.env['LARGE_GB'] ?? 5);

const SCHEMA = new URL('../../crds/examples/recordschema-certifications.yaml', import.meta.url);
const spec = await readSpec();
/** Text, but for JSON and the system's own columns: the types of the table that the example makes. */
const columnTypes: ColumnType[] = spec.target.columns.map(({ json, system }) => ({
  oid: json ? 3802 : system === 'rowNumber' ? 20 : system ? 2950 : 25,
  modifier: -1,
}));
const file = await certificationFile({ records });

interface Kind {
  name: string;
  path: string;
  types: ColumnType[] | null;
  /** Decoded bytes; null: all. */
  limitBytes: number | null;
}

const plain: Kind = { name: 'CSV, all of it', path: file.path, types: columnTypes, limitBytes: null };
const KINDS: Kind[] = [
  { ...plain, name: 'CSV, the first 8 MB', limitBytes: 8e6 },
  plain,
  { ...plain, name: 'the same, types of the columns not known', types: null },
  { ...plain, name: 'the same in gzip', path: await packed('gz', gzipSync) },
  { ...plain, name: 'the same in zstd', path: await packed('zst', zstdCompressSync) },
];

await using page = await openCheckPage();
console.log(`Chromium ${page.version}; ${(file.bytes / 1e6).toFixed(1)} MB, ${records.toLocaleString('en')} records\n`);
console.log('| file | job runner | page | longest pause | memory at most | before |\n|---|---|---|---|---|---|');
for (const kind of KINDS) {
  for (let run = 1; run <= runs; run += 1) {
    const runner = kind.limitBytes === null ? await checkInNode(kind) : null;
    const checked = await page.check({ ...kind, copies: 1, spec, columnTypes: kind.types });
    if (runner) expectSame(checked.summary, runner);
    console.log(`| ${kind.name} | ${runner ? seconds(runner.ms) : ''} | ${describe(checked)} |`);
  }
}
if (largeGb > 0) {
  const copies = Math.ceil((largeGb * 1e9) / file.bytes);
  await using fresh = await openCheckPage();
  const checked = await fresh.check({ ...plain, copies, spec, columnTypes });
  console.log(`| ${((copies * file.bytes) / 1e9).toFixed(2)} GB of the same | | ${describe(checked)} |`);
}

/** The file in another form, made once. */
async function packed(ending: string, pack: (bytes: Buffer) => Buffer): Promise<string> {
  const path = `${file.path}.${ending}`;
  if (!(await stat(path).catch(() => null))) await writeFile(path, pack(await readFile(file.path)));
  return path;
}

interface RunnerResult {
  records: number;
  failed: number;
  ms: number;
}

async function readSpec(): Promise<RecordSchemaSpec> {
  const read = readSchema(await readFile(SCHEMA, 'utf8'));
  if (!read.ok) throw new Error(`The example's schema is wrong: ${JSON.stringify(read.problems)}`);
  return read.spec;
}

/** The job runner's own code on the same file, with Node's decompression and test of UTF-8, and without a database. */
async function checkInNode({ path, types }: Kind): Promise<RunnerResult> {
  const startMs = performance.now();
  const blob = await openAsBlob(path);
  async function* read(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    for (let at = start; at < end; at += MIB)
      yield Buffer.from(await blob.slice(at, Math.min(end, at + MIB)).arrayBuffer());
  }
  const source = await openFile({
    stream: read(0, blob.size),
    readBytes: read,
    sizeBytes: blob.size,
    key: path,
    declared: {},
    schema: spec,
    maxRecordBytes: MAX_RECORD_BYTES,
    platform: NODE_PLATFORM,
  });
  const result = { records: 0, failed: 0, ms: 0 };
  const options = { maxRecordBytes: MAX_RECORD_BYTES, columnTypes: types, isUtf8: NODE_PLATFORM.isUtf8 };
  for await (const list of prepareRecords(source, options)) {
    result.records += list.length;
    for (const { faults } of list) if (faults.length > 0) result.failed += 1;
  }
  return { ...result, ms: performance.now() - startMs };
}

function expectSame(summary: CheckSummary, runner: RunnerResult): void {
  if (summary.records === runner.records && summary.failed === runner.failed) return;
  throw new Error(
    `The page found ${summary.records} records and ${summary.failed} failed, the job runner ${JSON.stringify(runner)}`,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function describe({ ms, longestPauseMs, peakMiB, restMiB }: Awaited<ReturnType<typeof page.check>>): string {
  return `${seconds(ms)} | ${longestPauseMs.toFixed(0)} ms | ${peakMiB} MiB | ${restMiB} MiB`;
}
