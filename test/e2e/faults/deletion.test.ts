import { gzipSync } from 'node:zlib';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasCondition } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, holdFence, NAMESPACE, waitForBlocked } from '#support/cluster/e2e.ts';
import { itemsSchema, schemaManifest } from '#support/cluster/manifests.ts';
import { scaleOperator } from '#support/kills/operator-kills.ts';

const ROWS = 200;
const BODY = `k,v\n${Array.from({ length: ROWS }, (_, i) => `k${i},v`).join('\n')}\n`;

let e2e: E2e;
let name: string;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e.close());
beforeEach(() => {
  name = e2e.unique('deleted');
});

const remove = () => e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name);

/** Brings an upload into a phase and holds it there, as far as it can be held. */
async function bringTo(phase: string): Promise<{ uid: string; release(): Promise<void> }> {
  const nothing = async () => undefined;
  if (phase === 'Pending') {
    const { metadata } = await e2e.createItemsUpload(name, BODY, { withoutSchema: true });
    await e2e.cluster.waitForUpload(NAMESPACE, name, (upload) => upload.status?.phase === 'Pending');
    return { uid: metadata.uid, release: nothing };
  }
  // A quote that is never closed fails an upload after it was accepted.
  const body = phase === 'Failed' ? `${BODY}k,"v` : BODY;
  const { metadata } = await e2e.createItemsUpload(name, body, { withoutSchema: true, spec: { chunkRecords: 10 } });
  const { uid } = metadata;
  const applySchema = () => e2e.cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(name.replaceAll('-', '_'))));
  switch (phase) {
    case 'Planning': {
      const fence = await holdFence(e2e.cluster, uid);
      await applySchema();
      await waitForBlocked(e2e.db, uid);
      return { uid, ...fence };
    }
    case 'Processing': {
      const table = name.replaceAll('-', '_');
      await e2e.db.query(`CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint)`);
      await e2e.db.query(`CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.k = 'k99' THEN PERFORM pg_advisory_xact_lock_shared(hashtext('${table}')); END IF; RETURN NEW; END $$`);
      await e2e.db.query(`CREATE TRIGGER hold BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}()`);
      const holder = await e2e.cluster.connectDatabase();
      await holder.query(`SELECT pg_advisory_lock(hashtext('${table}'))`);
      await applySchema();
      await waitForBlocked(e2e.db, uid);
      return { uid, release: () => holder.end() };
    }
    case 'Complete':
      await applySchema();
      await e2e.cluster.waitForUpload(NAMESPACE, name, (upload) => hasCondition(upload, 'Complete'));
      return { uid, release: nothing };
    case 'Failed':
      await applySchema();
      await e2e.cluster.waitForUpload(NAMESPACE, name, (upload) => hasCondition(upload, 'Failed'));
      return { uid, release: nothing };
    default:
      throw new Error(phase);
  }
}

async function expectDeleted(uid: string, phase: string): Promise<void> {
  await eventuallyTrue(async () => (await e2e.podsOf(uid)).length === 0, 'pods are left', 90_000);
  await eventuallyTrue(async () => (await e2e.activeJobs(uid)).length === 0, 'Jobs are left');
  if (phase === 'Pending') return;
  const ended = phase === 'Complete' || phase === 'Failed';
  const closed = ended ? phase : 'Deleted';
  await eventuallyTrue(
    async () => (await e2e.progress(uid))?.status === closed,
    `the ledger's row is not ${closed}`,
    90_000,
  );
  const { rows } = await e2e.db.query<{ event_type: string }>(
    'SELECT DISTINCT event_type FROM batch_upload.batch_upload_audit_logs WHERE batch_upload_id = $1',
    [uid],
  );
  const events = rows.map(({ event_type }) => event_type);
  expect(events).toContain('upload_accepted');
  if (phase === 'Processing' || phase === 'Complete') expect(events).toContain('chunk_completed');
  expect(events).toContain(`upload_${closed.toLowerCase()}`);
}

describe.each(['Pending', 'Planning', 'Processing', 'Complete', 'Failed'])('deleted while %s', (phase) => {
  it('Jobs and pods go, the ledger row is closed, the audit rows stay', async () => {
    const { uid, release } = await bringTo(phase);
    await remove();
    if (phase === 'Processing') {
      // The pod is removed although its transaction is blocked, and rows that it had not committed are not stored.
      await eventuallyTrue(async () => (await e2e.podsOf(uid)).length === 0, 'pods are left', 90_000);
    }
    await release();
    await expectDeleted(uid, phase);
    if (phase === 'Processing') {
      const { processed } = (await e2e.progress(uid))!.counts;
      const { rows } = await e2e.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name.replaceAll('-', '_')}`);
      expect(rows[0]!.n).toBe(processed);
    }
  });
});

describe('the copy of a file in gzip', () => {
  const FINALIZER = 'batchupload.dev/work-copy';
  const body = gzipSync(BODY);
  const copies = async (uid: string) => {
    const { cluster } = e2e;
    const where = { Bucket: cluster.env.S3_BUCKET, Prefix: `work/${uid}/` };
    return (await cluster.s3.send(new ListObjectsV2Command(where))).Contents?.length ?? 0;
  };
  const finalizers = async () => (await e2e.cluster.getUpload(NAMESPACE, name)).metadata.finalizers ?? [];

  it('is removed when the upload is complete, and the upload is free', async () => {
    const { metadata } = await e2e.createItemsUpload(name, body);
    await e2e.cluster.waitForUpload(NAMESPACE, name, (upload) => hasCondition(upload, 'Complete'));
    await eventuallyTrue(async () => !(await finalizers()).includes(FINALIZER), 'the upload is still held', 90_000);
    expect(await copies(metadata.uid)).toBe(0);
    expect((await e2e.cluster.getUpload(NAMESPACE, name)).status?.source).toMatchObject({ compression: 'gzip' });
    await remove();
  });

  it('is removed when the upload is deleted before its end', async () => {
    const { metadata } = await e2e.createItemsUpload(name, body, { withoutSchema: true });
    const fence = await holdFence(e2e.cluster, metadata.uid);
    await e2e.cluster.apply(schemaManifest(NAMESPACE, name, itemsSchema(name.replaceAll('-', '_'))));
    await waitForBlocked(e2e.db, metadata.uid);
    await eventuallyTrue(async () => (await finalizers()).includes(FINALIZER), 'the upload is not held');
    expect(await copies(metadata.uid)).toBe(1);
    // The deletion waits for the finalizer, and the fence keeps the ledger's row from being closed.
    const removed = remove();
    await fence.release();
    await removed;
    expect(await copies(metadata.uid)).toBe(0);
    await expectDeleted(metadata.uid, 'Planning');
  });
});

describe('deleted while the operator is down', () => {
  it.each(['Planning', 'Processing'])('%s: the ledger row is closed when it is back', async (phase) => {
    const { uid, release } = await bringTo(phase);
    await scaleOperator(e2e, 0);
    try {
      await remove();
      await eventuallyTrue(async () => (await e2e.podsOf(uid)).length === 0, 'pods are left', 90_000);
      await release();
      expect((await e2e.progress(uid))?.status).not.toBe('Deleted');
    } finally {
      await scaleOperator(e2e, 2);
    }
    await expectDeleted(uid, phase);
  });
});
