/** Many small uploads at once, by warm pods of a real cluster, while pods, operators and a namespace go. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NAMESPACES } from '#kube/resource-types.ts';
import { isFinished } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { putSmallUploads } from '#support/cluster/small-uploads.ts';
import { restoreTenant } from '#support/hostility/tenants.ts';
import { operatorPods, SYSTEM, setVariable } from '#support/kills/operator-kills.ts';

const UPLOADS = 30;
/** A record of the last upload. */
const HELD_KEY = `${UPLOADS - 1}-5`;
/** A namespace of the chart that tests may delete. */
const DOOMED = 'e2e-deleted';

let e2e: E2e;
let usual: string | null;
beforeAll(async () => {
  e2e = await createE2e();
  usual = await setVariable(e2e, 'BATCH_UPLOAD_WARM_PODS', '3');
});
afterAll(async () => {
  await setVariable(e2e, 'BATCH_UPLOAD_WARM_PODS', usual);
  await e2e.close();
});

async function warmPods(namespace = NAMESPACE): Promise<string[]> {
  const selector = ['-l', 'batchupload.dev/kind=pool', '--field-selector', 'status.phase=Running'];
  const names = await e2e.cluster.kubectl('-n', namespace, 'get', 'pods', ...selector, '-o', 'name');
  return names.trim().split('\n').filter(Boolean);
}

const noWarmPods = () => eventuallyTrue(async () => (await warmPods()).length === 0, 'warm pods stay', 60_000);

it('a warm pod and both operators are killed, and every upload is complete and exact', async () => {
  const { cluster } = e2e;
  const uploads = await putSmallUploads(e2e, e2e.unique('warm'), UPLOADS);
  await uploads.apply();
  await eventuallyTrue(async () => (await uploads.read()).some(isFinished), 'no upload has ended', 120_000);
  const [pod] = await warmPods();
  if (pod) await cluster.kubectl('-n', NAMESPACE, 'delete', pod, '--force', '--grace-period=0');
  for (const { metadata } of await operatorPods(e2e)) {
    await cluster.kubectl(...SYSTEM, 'delete', 'pod', metadata.name, '--force', '--grace-period=0');
  }
  await eventuallyTrue(uploads.areFinished, 'not all uploads have ended', 240_000);
  expect(await uploads.count()).toEqual(uploads.expected);
  // The pods end by themselves when nothing comes.
  await noWarmPods();
});

it('their namespace is deleted, and the ledger knows every row; applied again, each record is stored once', async () => {
  const { cluster, db } = e2e;
  await restoreTenant(e2e, DOOMED);
  await using doomed = await createE2e({ namespace: DOOMED });
  const lost = await putSmallUploads(doomed, e2e.unique('lost'), UPLOADS);
  const others = await putSmallUploads(e2e, e2e.unique('warm'), UPLOADS);
  const ofTheLost = async () => {
    const { rows } = await db.query<{ id: string; status: string; stored: number }>(
      `SELECT id, status, (SELECT count(*)::int FROM ${lost.table} WHERE batch_upload_id = id) AS stored
       FROM batch_upload.batch_uploads WHERE name LIKE $1 || '-%' AND namespace = $2`,
      [lost.schema, DOOMED],
    );
    return rows;
  };
  const holder = await cluster.connectDatabase();
  try {
    // One upload cannot end before its namespace is being deleted.
    await db.query(`
      CREATE TABLE ${lost.table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint);
      CREATE FUNCTION ${lost.table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.k = '${HELD_KEY}' THEN PERFORM pg_advisory_xact_lock_shared(hashtextextended('${lost.table}', 0)); END IF;
        RETURN NEW; END $$;
      CREATE TRIGGER held BEFORE INSERT ON ${lost.table} FOR EACH ROW EXECUTE FUNCTION ${lost.table}()`);
    await holder.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [lost.table]);
    await lost.apply();
    await others.apply();
    await eventuallyTrue(async () => (await lost.read()).some(isFinished), 'no upload has ended', 120_000);
    expect((await lost.read()).every(isFinished)).toBe(false);
    await cluster.kubectl('delete', 'namespace', DOOMED, '--wait=false');
    await holder.end();
    await eventuallyTrue(
      async () => (await cluster.kube.find(NAMESPACES, { name: DOOMED })) === undefined,
      'the namespace does not go',
      120_000,
    );
    await eventuallyTrue(
      async () => (await ofTheLost()).every(({ status }) => status === 'Complete' || status === 'Deleted'),
      'an upload of the deleted namespace is still open in the ledger',
      120_000,
    );
    for (const { id, stored } of await ofTheLost()) expect((await e2e.progress(id))?.counts.processed).toBe(stored);
    await eventuallyTrue(others.areFinished, 'not all uploads of the other namespace have ended', 240_000);
    expect(await others.count()).toEqual(others.expected);
  } finally {
    await holder.end();
    await restoreTenant(e2e, DOOMED);
  }
  const back = await putSmallUploads(doomed, lost.schema, UPLOADS);
  await back.apply();
  await eventuallyTrue(back.areFinished, 'not all uploads have ended after the namespace came back', 240_000);
  expect(await back.count()).toEqual(back.expected);
  await noWarmPods();
});
