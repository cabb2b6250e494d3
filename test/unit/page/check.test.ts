/** The page's Worker, as it is built for the page, finds in a file what the job runner finds. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { CheckRequest, CheckSummary, Fault, FileFacts, ShownRow, WholeFault } from '#page/check/types.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { askWorker, buildPageWorker, type PageWorker } from '#support/browser/page-worker.ts';
import { FILE_FAULTS, KINDS, RECORD_FAULTS, SCHEMA } from '#support/records/file-kinds.ts';
import { REPORTED_FILES, type ReportedFile } from '#support/records/reported-files.ts';
import { checkByRunner, type FileForRunner } from '#support/runner/check-by-runner.ts';

/** Four texts and a bigint. */
const COLUMN_TYPES: ColumnType[] = [25, 25, 25, 25, 20].map((oid) => ({ oid, modifier: -1 }));

let worker: PageWorker;
beforeAll(async () => {
  worker = await buildPageWorker();
}, 60_000);

it('the Worker is one file, with nothing of Node', () => {
  expect(worker.others).toEqual([]);
  expect(worker.warnings).toEqual([]);
  expect(worker.fileName).toMatch(/^assets\/worker-[\w-]+\.js$/);
});

interface Checked {
  summary: CheckSummary | null;
  failure: WholeFault | null;
  rows: ShownRow[];
  fields: string[];
}

async function check(file: FileForRunner & { limit?: number; name?: string }): Promise<Checked> {
  const { body, key = 'file', declared = {}, schema = SCHEMA, columnTypes = null, limit = null } = file;
  const request: CheckRequest = {
    file: new File([Buffer.from(body)], key),
    spec: schema,
    columnTypes,
    declared,
    limitBytes: limit,
  };
  const checked: Checked = { summary: null, failure: null, rows: [], fields: [] };
  for (const event of await askWorker(worker, { type: 'check', request })) {
    if (event.type === 'done') checked.summary = event.summary;
    else if (event.type === 'failed') checked.failure = event.fault;
    else if (event.type === 'rows') Object.assign(checked, { rows: event.rows, fields: event.fields });
  }
  return checked;
}

/** All faults of a file, which has at most ten of each code. */
const faultsOf = ({ codes }: CheckSummary): Fault[] =>
  codes.flatMap(({ samples }) => samples).sort((a, b) => a.rowNumber - b.rowNumber || compare(a.code, b.code));
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Expects of the Worker what the job runner finds. */
async function expectAsRunner(file: FileForRunner): Promise<Checked> {
  const checked = await check(file);
  const verdict = await checkByRunner(file);
  if ('failedWith' in verdict) {
    expect(checked.failure).toEqual({ reason: verdict.failedWith, message: verdict.message });
    return checked;
  }
  expect(checked.failure).toBeNull();
  expect(checked.summary).toMatchObject({
    format: verdict.format,
    records: verdict.records,
    failed: verdict.failed.length,
    complete: true,
  });
  const faults = verdict.failed.flatMap(({ rowNumber, faults }) => faults.map((fault) => ({ rowNumber, ...fault })));
  expect(faultsOf(checked.summary!)).toEqual(
    faults.sort((a, b) => a.rowNumber - b.rowNumber || compare(a.code, b.code)),
  );
  return checked;
}

describe.each([
  ['the types of the columns are not known', null],
  ['the types of the columns are known', COLUMN_TYPES],
])('%s', (_name, columnTypes) => {
  it.each(KINDS)('$name', async ({ key, body, format: declared, expected }) => {
    const { rows, fields } = await expectAsRunner({ body, key, declared, columnTypes });
    expect(fields).toEqual(['id', 'name', 'zip', 'note']);
    if (expected) expect(rows.map(({ values, rowNumber }) => [...values, rowNumber])).toEqual(expected);
  });

  it.each(RECORD_FAULTS)('%s', async (_case, body, errors, _loaded, declared) => {
    const { summary, rows } = await expectAsRunner({ body, declared, columnTypes });
    expect(summary!.failed).toBe(errors.length);
    const shown = rows.filter(({ faults }) => faults.length > 0);
    expect(shown.map(({ rowNumber, faults }) => [rowNumber, faults[0]!.code])).toEqual(errors);
  });
});

it.each(FILE_FAULTS)('a file that fails: %s', async (_name, body, reason, message, declared) => {
  const { failure } = await expectAsRunner({ body, declared });
  expect(failure).toMatchObject({ reason, message: expect.stringMatching(message) });
});

it.each(REPORTED_FILES)('as people reported: $name', async ({ body, fields, format, fieldsMatch }) => {
  await expectAsRunner({
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
    const answers = await askWorker(worker, {
      type: 'inspect',
      file: new File([Buffer.from(body)], key),
      declared: {},
    });
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
