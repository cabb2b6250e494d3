/** A program that runs statements of an operator: `run-operator.ts URL '[["read", "ID"], …]'`. It prints their answers. */
import { systemClock } from '#common/clock.ts';
import { Database } from '#ledger/client/database.ts';
import { connectionConfig } from '#ledger/client/pool-connection.ts';
import { removeKeys } from '#ledger/keys/remove-keys.ts';
import { dequeueUpload } from '#ledger/uploads/claim-content.ts';
import { closeDeletedUpload, completeUpload, failUpload, listRunningUploads } from '#ledger/uploads/finish-upload.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { readUpload } from '#ledger/uploads/read-upload.ts';
import { retryUpload } from '#ledger/uploads/retry-upload.ts';

const [uri = '', steps = '[]'] = process.argv.slice(2);
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const config = connectionConfig({ uri, caCert: undefined, namespace: 'n' });
const database = new Database({ config, tickMs: 1000, clock: systemClock, log: silent });

type Argument = never;
const STEPS: Record<string, (...args: Argument[]) => Promise<unknown>> = {
  open: (upload: Argument) => database.run((client) => openUpload(client, upload)),
  read: (id: Argument) => database.read(id),
  readUpload: (id: Argument) => database.run((client) => readUpload(client, id)),
  readTopErrors: (id: Argument) => database.readTopErrors(id),
  complete: (id: Argument) => database.finish(id, (client) => completeUpload(client, id)),
  fail: (id: Argument) =>
    database.finish(id, (client) => failUpload(client, { id }, { reason: 'Test', message: 'test' })),
  retry: (id: Argument, generation: Argument) =>
    database.finish(id, (client) => retryUpload(client, { id, generation })),
  dequeue: (id: Argument) => database.run((client) => dequeueUpload(client, id)),
  close: (id: Argument) => database.finish(id, (client) => closeDeletedUpload(client, id)),
  listRunning: (clusterId: Argument) => database.run((client) => listRunningUploads(client, clusterId)),
  removeKeys: () => database.run(removeKeys),
};

const answers: unknown[] = [];
for (const [name, ...args] of JSON.parse(steps) as [string, ...Argument[]][]) answers.push(await STEPS[name]!(...args));
await database.close();
process.stdout.write(JSON.stringify(answers));
