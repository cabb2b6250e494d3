/** A file on its way from the staff page to the storage: cut, closed, changed, signed out, and all the same whole. */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectAccessible } from '#support/page/axe.ts';
import { takeShots } from '#support/page/shots.ts';
import { BUCKET } from '#support/page/start-page.ts';
import {
  type PutDecision,
  pickAndCheck,
  signIn,
  startWizard,
  type WizardBench,
  watchPuts,
} from '#support/page/wizard.ts';

const MIB = 1024 ** 2;
const SHOTS = process.env['BATCH_UPLOAD_SHOTS'];
/** Four parts, the last of which is short. */
const BYTES = 17 * MIB;

let bench: WizardBench;
let content: Buffer;
beforeAll(async () => {
  bench = await startWizard({
    gateway: { fileLimits: { onePutBytes: 6 * MIB, partBytes: 5 * MIB, unregistered: 100 } },
  });
  bench.putSchema();
  content = makeContent();
});
afterAll(async () => bench?.[Symbol.asyncDispose]());

/** A CSV file of records that differ. */
function makeContent(): Buffer {
  const lines = ['id,name,birth_date,email\n'];
  for (let id = 1, bytes = 0; bytes < BYTES; id += 1) {
    const line = `${id},${randomBytes(25).toString('hex')},1980-02-28,person${id}@example.org\n`;
    bytes += line.length;
    lines.push(line);
  }
  return Buffer.from(lines.join(''));
}

const endpoint = () => bench.page.storage!.endpoint;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const send = (tab: Page) => tab.getByRole('button', { name: 'Send the file' }).click();
const heading = (tab: Page, name: string) => tab.getByRole('heading', { name, exact: true }).waitFor();

/** @throws when the upload that the tab shows does not load exactly these bytes */
async function expectWhole(tab: Page, bytes: Buffer): Promise<void> {
  await tab.waitForURL(/\/uploads\/.+/, { timeout: 90_000 });
  const name = new URL(tab.url()).pathname.split('/').at(-1)!;
  const upload = bench.page.api.get('batchuploads', 'n', name) as
    | { spec: { source: { s3: { key: string } } } }
    | undefined;
  const { region, accessKeyId, secretAccessKey } = bench.page.storage!;
  const credentials = { accessKeyId, secretAccessKey };
  const s3 = new S3Client({ endpoint: endpoint(), region, forcePathStyle: true, credentials });
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: upload!.spec.source.s3.key }));
  expect(sha256(await Body!.transformToByteArray())).toBe(sha256(bytes));
  s3.destroy();
}

/** Lets the parts before `from` pass and holds all others, until it is decided what becomes of them. */
async function holdParts(context: BrowserContext, from: number) {
  const passed: number[] = [];
  const decided = Promise.withResolvers<PutDecision>();
  await watchPuts(context, endpoint(), async ({ part }) => {
    const decision = part >= from ? await decided.promise : 'pass';
    if (decision === 'pass') passed.push(part);
    return decision;
  });
  return {
    passed,
    decide: decided.resolve,
    async waitFor(count: number) {
      while (passed.length < count) await sleep(50);
    },
  };
}

/** Closes the tab in the middle of a sending. A browser would still send what is only held. */
async function leave(held: { decide(put: PutDecision): void }, context: BrowserContext, tab: Page): Promise<void> {
  held.decide('cut');
  await heading(tab, 'The connection is interrupted');
  await tab.close();
  await context.unrouteAll({ behavior: 'ignoreErrors' });
}

test('goes on after connections that break, and after a network that is away', async () => {
  const { context, tab } = await bench.open();
  const cut = new Set([2, 3]);
  const tries: number[] = [];
  await watchPuts(context, endpoint(), ({ part }) => {
    tries.push(part);
    return cut.delete(part) ? 'cut' : 'pass';
  });
  await pickAndCheck(tab, await bench.write('cut.csv', content));
  await context.setOffline(true);
  await send(tab);
  await heading(tab, 'The connection is interrupted');
  await context.setOffline(false);
  await expectWhole(tab, content);
  expect(tries.filter((part) => part === 2).length).toBeGreaterThan(1);
  expect(cut.size).toBe(0);
  await context.close();
});

test('pauses, goes on, and is gone after a cancel', async () => {
  const { context, tab } = await bench.open();
  const { passed, decide, waitFor } = await holdParts(context, 3);
  await pickAndCheck(tab, await bench.write('pause.csv', content));
  await send(tab);
  await waitFor(2);
  await tab.getByRole('button', { name: 'Pause' }).click();
  await tab.getByText('What has arrived stays for a day.').waitFor();
  await expectAccessible(tab);
  if (SHOTS !== undefined) await takeShots(tab, { folder: SHOTS, name: '7-paused' });
  decide('pass');
  await tab.getByRole('button', { name: 'Go on' }).click();
  await expectWhole(tab, content);
  expect(new Set(passed)).toEqual(new Set([1, 2, 3, 4]));

  const other = await bench.tab(context);
  await context.unrouteAll({ behavior: 'ignoreErrors' });
  const held = await holdParts(context, 2);
  await pickAndCheck(other, await bench.write('cancel.csv', content));
  await send(other);
  await held.waitFor(1);
  await other.getByRole('button', { name: 'Cancel' }).click();
  await other.getByRole('button', { name: 'Cancel and remove' }).click();
  await heading(other, 'Choose a file');
  expect(await other.getByText('Files that are not sent completely').count()).toBe(0);
  await context.close();
});

test('goes on where it stopped when the tab was closed and the same file is picked again', async () => {
  const { context, tab } = await bench.open();
  const first = await holdParts(context, 3);
  const path = await bench.write('closed.csv', content);
  await pickAndCheck(tab, path);
  await send(tab);
  await first.waitFor(2);
  // The storage has answered both parts when the bar says so.
  await tab.getByText(/1[0-9](\.\d)? MB of/).waitFor();
  await leave(first, context, tab);

  const again = await bench.tab(context);
  await heading(again, 'Files that are not sent completely');
  if (SHOTS !== undefined) await takeShots(again, { folder: SHOTS, name: '8-unfinished' });
  const second = await holdParts(context, 99);
  await again.getByLabel('File with records').setInputFiles(path);
  await heading(again, 'You have begun to send this file');
  await expectAccessible(again);
  await again.getByRole('button', { name: 'Go on with sending' }).click();
  await expectWhole(again, content);
  expect(second.passed.sort()).toEqual([3, 4]);
  await context.close();
});

test('refuses a file that changes while it is sent, and one that has changed since', async () => {
  const { context, tab } = await bench.open();
  const held = await holdParts(context, 2);
  const path = await bench.write('changed.csv', content);
  await pickAndCheck(tab, path);
  await send(tab);
  await held.waitFor(1);
  await bench.write('changed.csv', Buffer.concat([content, Buffer.from('0,late,,\n')]));
  held.decide('pass');
  await heading(tab, 'The file was not sent');
  await tab.getByText('The file was changed, moved or deleted while it was sent').waitFor();
  await expectAccessible(tab);
  const uploads = bench.page.api.all('batchuploads').length;

  const closed = await bench.write('later.csv', content);
  await context.unrouteAll({ behavior: 'ignoreErrors' });
  const stopped = await holdParts(context, 2);
  const other = await bench.tab(context);
  await pickAndCheck(other, closed);
  await send(other);
  await stopped.waitFor(1);
  await leave(stopped, context, other);
  const last = await bench.tab(context);
  await last.getByLabel('File with records').setInputFiles(await bench.write('later.csv', `${content}0,late,,\n`));
  await heading(last, 'This file has changed');
  expect(bench.page.api.all('batchuploads').length).toBe(uploads);
  await context.close();
});

test('waits for a new sign-in when the session ends in the middle', async () => {
  const { context, tab } = await bench.open();
  const held = await holdParts(context, 3);
  await pickAndCheck(tab, await bench.write('session.csv', content));
  await send(tab);
  await held.waitFor(2);
  await context.clearCookies();
  held.decide('pass');
  const dialog = tab.getByRole('dialog');
  await dialog.waitFor();
  await expectAccessible(tab);
  const login = await context.newPage();
  await login.goto(`${bench.page.origin}/page/login?to=/page/signed-in`);
  await signIn(login);
  await expectWhole(tab, content);
  await context.close();
});
