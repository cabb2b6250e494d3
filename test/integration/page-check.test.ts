/** The page's check in a real browser, under the policy of the gateway: files of a disk, and their changes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type DeclaredFormat, ENCODINGS } from '#api/source-format.ts';
import type { CheckEvent } from '#page/check/types.ts';
import type { ColumnType } from '#runner/processor/column-encoding.ts';
import { type CheckClient, type CheckPage, openCheckPage } from '#support/page/check-page.ts';
import { csv, SCHEMA } from '#support/records/file-kinds.ts';
import { workbook } from '#support/records/workbook.ts';
import { checkByRunner } from '#support/runner/check-by-runner.ts';

const COLUMN_TYPES: ColumnType[] = [25, 25, 25, 25, 20].map((oid) => ({ oid, modifier: -1 }));
const HEADER = ['id', 'name', 'zip', 'note'];

let check: CheckPage;
let folder: string;
beforeAll(async () => {
  check = await openCheckPage();
});
afterAll(() => check[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-check-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function pick(name: string, body: Buffer | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, body);
  await check.page.getByLabel('File').setInputFiles(path);
  return path;
}

interface Options {
  declared?: DeclaredFormat;
  /** The number of the event after which the check is cancelled. */
  cancelAt?: number;
}

/** Checks the file that is picked. */
function checkPicked({ declared = {}, cancelAt = Number.POSITIVE_INFINITY }: Options = {}): Promise<CheckEvent[]> {
  return check.page.getByLabel('File').evaluate(
    async (input, { spec, columnTypes, declared, cancelAt }) => {
      const { startCheck } = (globalThis as unknown as { checkClient: CheckClient }).checkClient;
      const file = (input as unknown as { files: File[] }).files[0]!;
      const events: CheckEvent[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const request = { file, spec, columnTypes, declared, limitBytes: null };
      const running = startCheck(request, (event) => {
        events.push(event);
        if (event.type === 'done' || event.type === 'failed') resolve();
        if (events.length !== cancelAt) return;
        running.cancel();
        setTimeout(resolve, 500);
      });
      await promise;
      return events;
    },
    { spec: SCHEMA, columnTypes: COLUMN_TYPES, declared, cancelAt },
  );
}

describe('a file of the disk', () => {
  it.each([
    ['CSV', 'a.csv', csv()],
    ['gzip of two members', 'a.csv.gz', Buffer.concat([gzipSync(csv().slice(0, 40)), gzipSync(csv().slice(40))])],
    ['zstd', 'a.csv.zst', zstdCompressSync(csv())],
    ['UTF-16', 'a.csv', Buffer.from(`\ufeff${csv()}`, 'utf16le')],
    ['a workbook', 'a.xlsx', workbook({ rows: { 1: HEADER, 2: ['1', 'a'], 3: ['2', 'b'], 5: ['3', 'c'] } })],
  ])('is checked: %s', async (_kind, name, body) => {
    await pick(name, body);
    const events = await checkPicked();
    expect(events.at(-1)).toMatchObject({ type: 'done', summary: { records: 3, failed: 0, complete: true } });
    const facts = await check.page.getByLabel('File').evaluate((input) => {
      const { inspectFile } = (globalThis as unknown as { checkClient: CheckClient }).checkClient;
      return inspectFile((input as unknown as { files: File[] }).files[0]!, {});
    });
    expect(facts).toMatchObject({ header: HEADER });
    await expect.poll(() => check.page.workers()).toHaveLength(0);
  });

  it('that is changed after it was picked is told', async () => {
    const path = await pick('a.csv', csv());
    await writeFile(path, `${csv()}another,n,z,t\n`);
    expect(await checkPicked()).toEqual([
      { type: 'failed', fault: { reason: 'FileUnreadable', message: expect.stringContaining('pick the file again') } },
    ]);
  });

  it('that is deleted after it was picked is told', async () => {
    await rm(await pick('a.csv', csv()));
    expect((await checkPicked()).at(-1)).toMatchObject({ type: 'failed', fault: { reason: 'FileUnreadable' } });
  });
});

/**
 * Node reads Roman numerals and signs in EUC-JP where the Encoding Standard has no characters; and Chromium refuses the
 * character behind a sequence of three bytes that is broken.
 */
const OF_ONE_DECODER = /^(8ee[0-2]|8ff3(a[1-9a-f]|b[0-47])|8f..)$/;

it.each(ENCODINGS.filter((encoding) => !encoding.startsWith('utf')))(
  'the browser decodes %s as the job runner',
  async (encoding) => {
    const characters = Array.from({ length: 128 }, (_, i) => [i + 128]);
    if (/^(gb|big5|euc|shift)/.test(encoding))
      for (let lead = 0x80; lead < 0x100; lead += 1)
        for (let trail = 0x30; trail < 0x100; trail += 1) characters.push([lead, trail]);
    if (encoding === 'euc-jp')
      for (let row = 0xa1; row < 0xff; row += 1)
        for (let cell = 0xa1; cell < 0xff; cell += 1) characters.push([0x8f, row, cell]);
    if (encoding === 'iso-2022-jp')
      for (let row = 0x21; row < 0x7f; row += 1)
        for (let cell = 0x21; cell < 0x7f; cell += 1) characters.push([0x1b, 0x24, 0x42, row, cell, 0x1b, 0x28, 0x42]);
    const known = characters.filter((bytes) => !OF_ONE_DECODER.test(Buffer.from(bytes).toString('hex')));
    const lines = known.map((bytes, i) =>
      Buffer.concat([Buffer.from(`${i},n,z,`), Buffer.from(bytes), Buffer.from('\n')]),
    );
    const body = Buffer.concat([Buffer.from(`${HEADER.join(',')}\n`), ...lines]);
    const declared: DeclaredFormat = { type: 'csv', encoding, dialect: { delimiter: ',' } };
    await pick('a.csv', body);
    const verdict = await checkByRunner({ body, declared, columnTypes: COLUMN_TYPES });
    if ('failedWith' in verdict) throw new Error(verdict.message);
    expect((await checkPicked({ declared })).at(-1)).toMatchObject({
      type: 'done',
      summary: { records: verdict.records, failed: verdict.failed.length },
    });
  },
);

it('a folder is told', async () => {
  const { page } = check;
  const session = await page.context().newCDPSession(page);
  const { root } = await session.send('DOM.getDocument');
  const { nodeId } = await session.send('DOM.querySelector', { nodeId: root.nodeId, selector: 'input' });
  await session.send('DOM.setFileInputFiles', { nodeId, files: [folder] });
  expect((await checkPicked()).at(-1)).toMatchObject({ type: 'failed', fault: { reason: 'FileUnreadable' } });
});

it('nothing comes after a check was cancelled, and its Worker is gone', async () => {
  await pick('a.csv', `${HEADER.join(',')}\n${'a,n,z,t\n'.repeat(2_000_000)}`);
  const events = await checkPicked({ cancelAt: 1 });
  expect(events.map(({ type }) => type)).toEqual(['rows']);
  await expect.poll(() => check.page.workers()).toHaveLength(0);
});
