/** The controller on a real PostgreSQL and an API server in memory whose cluster does what clusters do wrong. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchUploadStatus } from '#api/batch-upload.gen.ts';
import { findCondition } from '#api/conditions.ts';
import type { RecordSchemaStatus } from '#api/record-schema.gen.ts';
import type { KubeObject } from '#kube/types.ts';
import { type Refusal, startController } from '#support/cluster/controller.ts';
import type { KubeApiServer, StoredObject } from '#support/cluster/kube-api-server.ts';
import { itemsSchema, schemaManifest } from '#support/cluster/manifests.ts';
import { createDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres({ settings: { fsync: 'off' } });
});
afterAll(() => postgres[Symbol.asyncDispose]());

interface StartOptions {
  namespaces?: string[];
  refuseFirst?: Refusal;
  /** Takes the place of an empty database. */
  databaseUrl?: string;
  /** Further Secrets of each namespace with a uri, by name. */
  secrets?: Record<string, string>;
}

async function start({ namespaces = ['one'], refuseFirst, databaseUrl, secrets }: StartOptions = {}) {
  const databases: Record<string, string> = {};
  for (const namespace of namespaces) databases[namespace] = databaseUrl ?? (await createDatabase(postgres));
  return startController({ databases, refuseFirst, secrets });
}

const jobsOf = (api: KubeApiServer) => api.all('jobs') as (StoredObject & { spec: Record<string, unknown> })[];
const created = (api: KubeApiServer) =>
  api.requests.filter(({ method, plural }) => method === 'POST' && plural === 'jobs').length;
const degraded = (status: BatchUploadStatus | undefined) => findCondition(status, 'Degraded');
// A database that has counted as held up once counts so for 30 s more.
const until = (what: () => unknown, timeout = 60_000) => eventually(String(what), () => Boolean(what()), timeout);

describe.concurrent('the API server', () => {
  it.each([
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [403, 'Forbidden'],
  ])('answers the first request of a leader with %d: the leader tries again and works', async (code, reason) => {
    const isFirst: Refusal[0] = ({ plural }) => plural === 'namespaces';
    await using bench = await start({ refuseFirst: [isFirst, code, reason] });
    bench.upload('one', 'u');
    await until(() =>
      bench.log.entries.some((entry) => JSON.stringify(entry).includes('id of the cluster could not be read')),
    );
    expect(bench.controller.startingMs).toBeGreaterThan(0);
    bench.heal?.();
    await until(() => bench.status('one', 'u')?.phase === 'Planning');
    expect(bench.controller.startingMs).toBe(0);
  });

  it.each([
    [500, 'InternalError'],
    [429, 'TooManyRequests'],
    [504, 'Timeout'],
  ])('refuses each Job with %d: the status says so, and the upload goes on later', async (code, reason) => {
    await using bench = await start();
    let tries = 0;
    const isTry = ({ method, plural }: { method: string; plural: string }) => {
      const isJob = method === 'POST' && plural === 'jobs';
      if (isJob) tries += 1;
      return isJob;
    };
    const heal = bench.api.refuse(isTry, code, reason);
    const since = performance.now();
    bench.upload('one', 'u');
    await until(() => degraded(bench.status('one', 'u'))?.status === 'True');
    expect(degraded(bench.status('one', 'u'))).toMatchObject({
      reason: 'ApiServerError',
      message: expect.stringContaining(String(code)),
    });
    expect(bench.status('one', 'u')).toMatchObject({
      phase: 'Planning',
      message: expect.stringContaining('tries again'),
    });
    // The sixth try comes 4 s after the first one at the earliest.
    expect(tries).toBeGreaterThan(0);
    expect(tries).toBeLessThan(6 + Math.floor((performance.now() - since) / 4_000));
    heal();
    await until(() => jobsOf(bench.api).length === 1);
    await until(() => degraded(bench.status('one', 'u'))?.status === 'False');
  });

  it('takes long to write the last status: the message is that of the result for ever', async () => {
    await using bench = await start();
    bench.upload('one', 'u');
    await until(() => jobsOf(bench.api).length === 1);
    const heal = bench.api.slow(({ method, subresource }) => method === 'PATCH' && subresource === 'status', 8_000);
    const conditions = [{ type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'exit code 2' }];
    bench.api.put('jobs', { ...jobsOf(bench.api)[0]!, status: { conditions } });
    await until(() => bench.status('one', 'u')?.phase === 'Failed');
    const { message } = bench.status('one', 'u')!;
    expect(message).not.toContain('waited');
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    heal();
    expect(bench.status('one', 'u')?.message).toBe(message);
  });

  it.each([
    [
      422,
      'Invalid',
      'status.conditions[6].type: Unsupported value: "Suspended": supported values: "Accepted", "Planned"',
    ],
    [500, 'InternalError', 'failed to create typed patch object: .status.source: field not declared in schema'],
  ])(
    'has a CRD of the release before (%d): the status says so, and says everything else',
    async (code, reason, words) => {
      await using bench = await start();
      const heal = bench.api.refuse(
        ({ plural, subresource }, body) =>
          `${plural}/${subresource}` === 'batchuploads/status' && body.includes('"Suspended"'),
        code,
        reason,
        words,
      );
      bench.upload('one', 'u');
      await until(() => jobsOf(bench.api).length === 1);
      const [job] = jobsOf(bench.api);
      bench.api.put('jobs', { ...job, spec: { ...job!.spec, suspend: true } });
      await until(() => degraded(bench.status('one', 'u'))?.reason === 'CrdOutdated');
      expect(degraded(bench.status('one', 'u'))?.message).toMatch(
        /older than this operator.*Upgrade the CRDs.*: .*status/,
      );
      expect(bench.status('one', 'u')).toMatchObject({
        phase: 'Planning',
        message: expect.stringContaining('suspended'),
      });
      expect(JSON.stringify(bench.log.entries)).toContain('upgrade it');
      // A status that is reduced is written once, like any other one.
      const written = bench.api.requests.filter(({ subresource }) => subresource === 'status').length;
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(bench.api.requests.filter(({ subresource }) => subresource === 'status').length - written).toBeLessThan(2);
      heal();
    },
  );

  it('refuses the Secret: said before the upload is accepted, too', async () => {
    await using bench = await start();
    bench.api.refuse(({ plural }) => plural === 'secrets', 500, 'InternalError');
    bench.upload('one', 'u');
    await until(() => bench.status('one', 'u')?.phase === 'Pending');
    expect(findCondition(bench.status('one', 'u'), 'Accepted')).toMatchObject({
      status: 'False',
      reason: 'ApiServerError',
    });
  });
});

describe.concurrent('something else in the cluster', () => {
  it('deletes each Job: at most 8 are made in 20 s, and the status says it', async () => {
    await using bench = await start();
    bench.upload('one', 'u');
    const killer = setInterval(() => {
      for (const { metadata } of jobsOf(bench.api)) bench.api.remove('jobs', 'one', metadata?.name ?? '');
    }, 50);
    try {
      await until(() => degraded(bench.status('one', 'u'))?.reason === 'JobDeleted');
      await new Promise((resolve) => setTimeout(resolve, 20_000));
      expect(created(bench.api)).toBeGreaterThanOrEqual(3);
      expect(created(bench.api)).toBeLessThanOrEqual(8);
      expect(degraded(bench.status('one', 'u'))).toMatchObject({ status: 'True', reason: 'JobDeleted' });
    } finally {
      clearInterval(killer);
    }
  });

  it('suspends the Job: a condition says so, and nothing is degraded', async () => {
    await using bench = await start();
    bench.upload('one', 'u');
    await until(() => jobsOf(bench.api).length === 1);
    const [job] = jobsOf(bench.api);
    bench.api.put('jobs', { ...job, spec: { ...job!.spec, suspend: true } });
    await until(() => findCondition(bench.status('one', 'u'), 'Suspended')?.status === 'True');
    await until(() => degraded(bench.status('one', 'u'))?.status === 'False');
    expect(bench.status('one', 'u')?.message).toContain('is suspended');
    bench.api.put('jobs', { ...job, spec: { ...job!.spec, suspend: false } });
    await until(() => findCondition(bench.status('one', 'u'), 'Suspended')?.status === 'False');
  });

  it('kills each pod for its memory: named with how often, and what to do', async () => {
    await using bench = await start();
    bench.upload('one', 'u');
    await until(() => jobsOf(bench.api).length === 1);
    const [job] = jobsOf(bench.api);
    for (const name of ['first', 'second']) bench.api.put('pods', failedPod(name, job!, 'one', 'OOMKilled'));
    // The controller may see the first pod a moment before the second one.
    await until(() => degraded(bench.status('one', 'u'))?.message.includes('failed 2 times'));
    expect(degraded(bench.status('one', 'u'))?.reason).toBe('PodsFailing');
    expect(degraded(bench.status('one', 'u'))?.message).toMatch(/failed 2 times.*second used more memory.*Raise/);
  });

  it('puts the labels of an upload on a pod of another namespace: its message is not ours', async () => {
    await using bench = await start({ namespaces: ['one', 'two'] });
    bench.upload('one', 'u');
    await until(() => jobsOf(bench.api).length === 1);
    const [job] = jobsOf(bench.api);
    for (const name of ['first', 'second']) bench.api.put('pods', failedPod(name, job!, 'two', 'OOMKilled'));
    bench.api.put('pods', failedPod('third', { metadata: { ...job!.metadata, uid: 'other' } }, 'one', 'OOMKilled'));
    bench.upload('one', 'later');
    await until(() => bench.status('one', 'later')?.phase === 'Planning');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await until(() => degraded(bench.status('one', 'u'))?.status === 'False');
  });
});

function failedPod(name: string, job: KubeObject, namespace: string, reason: string): object {
  const { labels, uid = '', name: jobName = '' } = job.metadata ?? {};
  const terminated = { exitCode: 137, reason, finishedAt: new Date().toISOString() };
  return {
    metadata: {
      name,
      namespace,
      labels: { ...labels, 'job-name': jobName, 'batch.kubernetes.io/job-completion-index': '0' },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: jobName, uid }],
    },
    status: { phase: 'Failed', containerStatuses: [{ name: 'runner', state: { terminated } }] },
  };
}

it('a Job gets its time to live when the ledger has its outcome', async () => {
  await using bench = await start();
  bench.upload('one', 'u');
  await until(() => jobsOf(bench.api).length === 1);
  const [job] = jobsOf(bench.api);
  expect(job!.spec).not.toHaveProperty('ttlSecondsAfterFinished');
  const conditions = [{ type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'exit code 2' }];
  bench.api.put('jobs', { ...job, status: { conditions } });
  await until(() => bench.status('one', 'u')?.phase === 'Failed');
  await until(() => jobsOf(bench.api)[0]?.spec['ttlSecondsAfterFinished'] !== undefined);
});

it('a database whose clock is an hour ahead: the Jobs of an ended upload are still deleted', async () => {
  await using bench = await start();
  bench.upload('one', 'u');
  // The controller writes no other status after the one that has the Job.
  await until(() => bench.status('one', 'u')?.jobs?.length === 1);
  const upload = bench.api.get('batchuploads', 'one', 'u')!;
  const conditions = [{ type: 'Failed', status: 'True', reason: 'X', message: 'x', observedGeneration: 1 }];
  const completionTime = new Date(Date.now() + 3_600_000).toISOString();
  bench.api.put('batchuploads', { ...upload, status: { phase: 'Failed', completionTime, conditions } });
  await until(() => jobsOf(bench.api).length === 0);
});

it('a ledger that only the role of batch-upload-migrate may make is made without an upload: the bridge waits for it', async () => {
  const owner = await createDatabase(postgres);
  await withClient(owner, (client) => client.query("CREATE ROLE bridged LOGIN PASSWORD 'bridged'"));
  const databaseUrl = owner.replace('postgres:postgres@', 'bridged:bridged@');
  const migrator = { 'batch-upload-migrate': owner };
  await using bench = await start({ databaseUrl, secrets: migrator });
  const mayUse = () =>
    withClient(databaseUrl, async (client) => (await client.query('SELECT FROM batch_upload.batch_uploads')).rowCount);
  await expect.poll(() => mayUse().catch(() => null), { timeout: 60_000 }).toBe(0);
  expect(bench.api.all('batchuploads')).toEqual([]);
});

it('a ledger is not made before its first upload where no Secret asks for it', async () => {
  await using bench = await start();
  await until(() => bench.controller.startingMs === 0);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const { rows } = await withClient(bench.databases['one']!, (client) =>
    client.query("SELECT FROM pg_namespace WHERE nspname = 'batch_upload'"),
  );
  expect(rows).toHaveLength(0);
});

describe.concurrent('two tenants', () => {
  it('one locks the ledger of its database: the first status of the other does not wait for it', async () => {
    await using bench = await start({ namespaces: ['one', 'two'] });
    bench.upload('one', 'before');
    await until(() => bench.status('one', 'before')?.phase === 'Planning');
    await withClient(bench.databases['one']!, async (client) => {
      await client.query('BEGIN; LOCK TABLE batch_upload.batch_uploads IN ACCESS EXCLUSIVE MODE');
      for (let i = 0; i < 21; i += 1) bench.upload('one', `held-${i}`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const since = performance.now();
      bench.upload('two', 'free');
      await until(() => bench.status('two', 'free') !== undefined);
      // A worker is lent to others after 2 s, and a look at a locked table ends after 10 s at the earliest.
      expect(performance.now() - since).toBeLessThan(9_000);
      // Those that wait say so.
      await until(() => bench.status('one', 'held-0') !== undefined);
    });
    await until(() => bench.status('one', 'held-20')?.phase === 'Planning');
  });
});

it.concurrent('statuses of one tenant that the CRD refuses reduce no status of another tenant', async () => {
  await using bench = await start({ namespaces: ['one', 'two'] });
  bench.api.refuse(
    ({ namespace, subresource }) => namespace === 'two' && subresource === 'status',
    422,
    'Invalid',
    'status.completionTime: Invalid value: "+200000-01-01T00:00:00Z"',
  );
  bench.upload('one', 'u');
  await until(() => bench.status('one', 'u')?.phase === 'Planning');
  bench.upload('two', 'u');
  await until(() => bench.log.entries.filter((entry) => JSON.stringify(entry).includes('upgrade it')).length >= 3);
  await withClient(bench.databases['one']!, (client) =>
    client.query(`UPDATE batch_upload.batch_uploads SET status = 'Complete', completed_at = now(), planned_at = now(),
      total_records = 0, total_chunks = 0, total_indexes = 0, processed_records = 0`),
  );
  await until(() => findCondition(bench.status('one', 'u'), 'Complete')?.status === 'True');
  expect(bench.status('one', 'u')).toMatchObject({
    phase: 'Complete',
    records: { total: 0 },
    completionTime: expect.any(String),
  });
  await until(() => degraded(bench.status('one', 'u'))?.reason === 'AsExpected');
  expect(degraded(bench.status('one', 'u'))?.status).toBe('False');
});

it.concurrent.each(['infinity', '-infinity', '200000-01-01', '0044-03-15 BC'])(
  'an upload whose row somebody has altered ends with a status that a CRD takes: completed at %s',
  async (time) => {
    await using bench = await start();
    bench.upload('one', 'u');
    await until(() => bench.status('one', 'u')?.phase === 'Planning');
    const format = { type: 'csv', compression: 'none', encoding: 'x'.repeat(40), delimiter: ';;' };
    await withClient(bench.databases['one']!, (client) =>
      client.query(
        `UPDATE batch_upload.batch_uploads SET status = 'Complete', completed_at = $1, planned_at = $1, started_at = $1,
         total_records = 0, total_chunks = 0, total_indexes = 0, processed_records = 0, source_format = $2`,
        [time, JSON.stringify(format)],
      ),
    );
    await until(() => findCondition(bench.status('one', 'u'), 'Complete')?.status === 'True');
    expect(bench.status('one', 'u')).toMatchObject({
      phase: 'Complete',
      completionTime: expect.stringMatching(/^20\d\d-/),
      source: { format: 'csv', compression: 'none', encoding: expect.stringMatching(/^x{13}…$/) },
    });
    expect(bench.status('one', 'u')?.source).not.toHaveProperty('delimiter');
  },
);

it.concurrent('a database that is held up causes no stream of statuses', async () => {
  await using bench = await start();
  bench.upload('one', 'before');
  await until(() => bench.status('one', 'before')?.phase === 'Planning');
  await withClient(bench.databases['one']!, async (client) => {
    await client.query('BEGIN; LOCK TABLE batch_upload.batch_uploads IN ACCESS EXCLUSIVE MODE');
    const names = Array.from({ length: 8 }, (_, i) => `held-${i}`);
    for (const name of names) bench.upload('one', name);
    await until(() => names.every((name) => bench.status('one', name) !== undefined));
    const written = () =>
      bench.api.requests.filter(({ plural, subresource }) => `${plural}/${subresource}` === 'batchuploads/status')
        .length;
    // The first statuses may still change their reason.
    let before = written();
    let quietSince = performance.now();
    await until(() => {
      if (written() !== before) [before, quietSince] = [written(), performance.now()];
      return performance.now() - quietSince > 3_000;
    });
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    expect(written() - before).toBeLessThanOrEqual(3);
  });
});

it('a database that is slow again and again is said once, and not by turns', async () => {
  await using bench = await start();
  const names = Array.from({ length: 6 }, (_, i) => `u${i}`);
  for (const name of names) bench.upload('one', name);
  await until(() => names.every((name) => bench.status('one', name)?.phase === 'Planning'));
  const said: string[] = [];
  const watching = setInterval(() => {
    const now = names.map((name) => degraded(bench.status('one', name))?.reason).join();
    if (said.at(-1) !== now) said.push(now);
  }, 100);
  const makeAgain = setInterval(() => {
    for (const { metadata } of jobsOf(bench.api)) bench.api.remove('jobs', 'one', metadata?.name ?? '');
  }, 500);
  try {
    await withClient(bench.databases['one']!, async (client) => {
      for (let times = 0; times < 4; times += 1) {
        await client.query('BEGIN; LOCK TABLE batch_upload.batch_uploads IN ACCESS EXCLUSIVE MODE');
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        await client.query('COMMIT');
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    });
  } finally {
    clearInterval(watching);
    clearInterval(makeAgain);
  }
  // Each upload turns at most once from being in order to what hinders it; none is said to be in order in between.
  for (const at of names.keys()) {
    const reasons = said.map((all) => all.split(',')[at]).filter((reason, i, every) => reason !== every[i - 1]);
    const firstHindered = reasons.findIndex((reason) => reason !== 'AsExpected');
    expect(firstHindered === -1 ? [] : reasons.slice(firstHindered)).not.toContain('AsExpected');
  }
});

describe('a RecordSchema', () => {
  const statusOf = (bench: { api: KubeApiServer }, name: string) =>
    (bench.api.get('recordschemas', 'one', name) as { status?: RecordSchemaStatus } | undefined)?.status;
  const conditionOf = (bench: { api: KubeApiServer }, name: string, type: string) =>
    statusOf(bench, name)?.conditions?.find((condition) => condition.type === type);

  it('with several faults: its status has each with its path', async () => {
    await using bench = await start();
    await until(() => conditionOf(bench, 's', 'Ready')?.status === 'True');
    const broken = itemsSchema('items');
    broken.fields[0]!.constraints = { pattern: '(' };
    broken.rules = [{ rule: 'v ==', message: 'm', code: 'X_1' }] as never;
    broken.target.columns.push({ name: 'c', field: 'nobody' });
    bench.api.put('recordschemas', schemaManifest('one', 'broken', broken));
    await until(() => conditionOf(bench, 'broken', 'Ready')?.status === 'False');
    const { message } = conditionOf(bench, 'broken', 'Ready')!;
    expect(message).toMatch(/spec\.fields\[0\].*spec\.target\.columns\[4\].*spec\.rules\[0\]/);
    expect(conditionOf(bench, 'broken', 'TargetReady')?.status).toBe('Unknown');
  });

  it('of a CRD of the release before, without a status: the log says to upgrade the CRD, and uploads go on', async () => {
    await using bench = await start();
    const isStatus = ({ plural, subresource }: { plural: string; subresource: string }) =>
      `${plural}/${subresource}` === 'recordschemas/status';
    bench.api.refuse(isStatus, 404, 'NotFound', 'the server could not find the requested resource');
    bench.api.put('recordschemas', schemaManifest('one', 'new', itemsSchema('items')));
    await until(() => JSON.stringify(bench.log.entries).includes('RecordSchema is older than this operator'));
    bench.upload('one', 'u');
    await until(() => bench.status('one', 'u')?.phase === 'Planning');
  });

  it('whose table lacks a column: the status has the line to run', async () => {
    await using bench = await start();
    await withClient(bench.databases['one']!, (client) => client.query('CREATE TABLE other (k text PRIMARY KEY)'));
    bench.api.put('recordschemas', schemaManifest('one', 'other', itemsSchema('other')));
    await until(() => conditionOf(bench, 'other', 'TargetReady')?.status === 'False');
    expect(conditionOf(bench, 'other', 'TargetReady')?.message).toContain('ALTER TABLE');
    expect(conditionOf(bench, 's', 'TargetReady')?.reason).toBe('TargetWillBeCreated');
    expect(bench.log.entries.filter(({ message }) => message === 'a database cannot be used')).toEqual([]);
  });

  it('of a namespace whose database cannot be reached: nobody knows', async () => {
    await using bench = await start({ databaseUrl: 'postgres://u:p@127.0.0.1:1/d' });
    await until(() => conditionOf(bench, 's', 'TargetReady')?.status === 'Unknown');
    expect(conditionOf(bench, 's', 'Ready')?.status).toBe('True');
  });

  it('whose Secret the API server refuses to read: the verdict on the schema itself is there', async () => {
    await using bench = await start({ refuseFirst: [({ plural }) => plural === 'secrets', 500, 'InternalError'] });
    await until(() => conditionOf(bench, 's', 'Ready')?.status === 'True');
    expect(conditionOf(bench, 's', 'TargetReady')).toMatchObject({ status: 'Unknown', reason: 'ApiServerError' });
  });

  it('of a database that does not answer: the verdict on the schema itself does not wait for it', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    // A verdict that waited for the database would come after a minute.
    await using bench = await start({ databaseUrl: `postgres://u:p@127.0.0.1:${port}/d?connect_timeout=60` });
    await until(() => conditionOf(bench, 's', 'Ready') !== undefined);
    bench.api.put('recordschemas', schemaManifest('one', 'new', itemsSchema('new')));
    await until(() => conditionOf(bench, 'new', 'Ready')?.status === 'True');
    // The check of the schema before may hold the database's connections, which has a reason of its own.
    expect(conditionOf(bench, 'new', 'TargetReady')).toMatchObject({
      status: 'Unknown',
      reason: expect.stringMatching(/^(SlowAnswer|DatabaseUnavailable)$/),
    });
    silent.close();
    // The controller ends when its work does, and that waits for an answer.
    for (const socket of sockets) socket.destroy();
  });
});
