/** What the operator does with spec.target.protect: rights are checked first, pods get the limits, and the status says the pace. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { grantSql } from '#ledger/ledger-rights.ts';
import { notePace } from '#ledger/uploads/note-pace.ts';
import { type ControllerBench, startController } from '#support/cluster/controller.ts';
import { createLedgerDatabase, withClient } from '#support/database/database.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { eventually } from '#support/process/eventually.ts';

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres({ settings: { fsync: 'off' } });
  await withClient(postgres.url, (client) => client.query("CREATE ROLE app LOGIN PASSWORD 'app'"));
});
afterAll(() => postgres[Symbol.asyncDispose]());

const until = (what: () => unknown) => eventually(String(what), () => Boolean(what()), 60_000);

/** The value of a variable of the only Job's pods; null without a Job. */
function variableOf({ api }: ControllerBench, name: string): string | undefined | null {
  const [job] = api.all('jobs') as unknown as {
    spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
  }[];
  if (!job) return null;
  return job.spec.template.spec.containers[0]!.env.find((each) => each.name === name)?.value;
}

function protect(bench: ControllerBench, limits: object): void {
  const upload = bench.api.get('batchuploads', 'one', 'u') as unknown as BatchUpload;
  bench.api.put('batchuploads', { ...upload, spec: { ...upload.spec, target: { protect: limits } } });
}

it('an upload waits for the right, shows its pace, and gets other limits by another Job', {
  timeout: 240_000,
}, async () => {
  const url = await createLedgerDatabase(postgres);
  await withClient(url, (client) => client.query(`${grantSql('app')} GRANT CREATE ON SCHEMA public TO app`));
  const databases = { one: url.replace(/\/\/[^@]*@/, '//app:app@') };
  await using bench = await startController({ databases });
  const pace = () => bench.status('one', 'u')?.pace;
  await withClient(url, async (client) => {
    bench.upload('one', 'u', { target: { protect: { maxReplicaLagSeconds: 5 } } });
    await until(() => findCondition(bench.status('one', 'u'), 'Accepted')?.reason === 'ReplicaLagUnknown');
    expect(bench.api.all('jobs')).toEqual([]);
    await client.query('GRANT pg_monitor TO app');
    await until(() => variableOf(bench, 'BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS') === '5');

    const { uid: id } = (bench.api.get('batchuploads', 'one', 'u') as unknown as BatchUpload).metadata;
    await client.query(
      `UPDATE batch_upload.batch_uploads SET status = 'Processing', execution = 'Inline', size_bytes = 1, digest = 'd',
         s3_etag = 'e', planned_at = now(), total_records = 9, total_chunks = 3, total_indexes = 1 WHERE id = $1`,
      [id],
    );
    const pod = { id, attempt: 1, completionIndex: 0 };
    await notePace(client, pod, { reason: 'ReplicaLag', message: 'The pods wait.' });
    await until(() => pace()?.reason === 'ReplicaLag');
    expect(bench.status('one', 'u')).toMatchObject({ message: '0 of 3 chunks done. The pods wait.' });
    await notePace(client, pod, { reason: 'ReplicaLagUnknown', message: 'GRANT it.' });
    await until(() => findCondition(bench.status('one', 'u'), 'Degraded')?.reason === 'ReplicaLagUnknown');
    await client.query("UPDATE batch_upload.batch_upload_paces SET noted_at = noted_at - interval '31 s'");
    await until(() => pace() === undefined);

    protect(bench, { maxWalBytesPerSecond: 3_000_000 });
    await until(() => variableOf(bench, 'BATCH_UPLOAD_MAX_WAL_BYTES_PER_SECOND') === '3000000');
    expect(variableOf(bench, 'BATCH_UPLOAD_MAX_REPLICA_LAG_SECONDS')).toBeUndefined();
    await client.query('REVOKE pg_monitor FROM app');
  });
});
