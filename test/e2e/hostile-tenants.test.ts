/** What one namespace suffers stays with it: a locked database, and the end of the namespace itself. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findCondition } from '#api/conditions.ts';
import { NAMESPACES } from '#kube/resource-types.ts';
import { createE2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { createTenantDatabase, restoreTenant } from '#support/hostility/tenants.ts';
import { bodyOf, expectExact, SMALL, startUpload, tableOf } from '#support/hostility/uploads.ts';

describe.concurrent('one namespace', () => {
  it('whose database is locked, with 21 uploads: the first status of another one does not wait for it', async () => {
    await using e2e = await createE2e();
    await using tenant = await createTenantDatabase(e2e, 'e2e-locked');
    await tenant.upload('before');
    await tenant.waitFor('before', ({ phase }) => phase === 'Complete', 60_000);
    const held = Array.from({ length: 21 }, (_, i) => `held-${i}`);
    const unlock = await tenant.lockLedger();
    try {
      for (const name of held) await tenant.upload(name);
      // The first of them says why it waits, so that all of them have begun to wait.
      await tenant.waitFor('held-0', (status) => status.phase !== undefined, 15_000);
      await using free = await startUpload(e2e, e2e.unique('hostile'));
      const since = performance.now();
      await e2e.cluster.waitForUpload(NAMESPACE, free.name, ({ status }) => status !== undefined, 60_000);
      // A look at a locked table ends after 10 s at the earliest.
      expect(performance.now() - since).toBeLessThan(9_000);
      await expectExact(e2e, free);
      for (const name of held) {
        const status = await tenant.waitFor(name, ({ phase }) => phase !== undefined, 20_000);
        expect(findCondition(status, 'Accepted')).toMatchObject({
          status: 'False',
          reason: expect.stringMatching(/^(DatabaseUnavailable|SlowAnswer)$/),
          message: expect.stringMatching(/^(?=.*lock).*pg_stat_activity/),
        });
      }
    } finally {
      await unlock();
    }
    for (const name of held) await tenant.waitFor(name, ({ phase }) => phase === 'Complete', 120_000);
    expect(await tenant.countRows()).toBe(22 * tenant.recordsOfEach);
  });

  it('that is deleted under its uploads: it goes, its claims on content end, and the others go on', async () => {
    await using e2e = await createE2e();
    await restoreTenant(e2e, 'e2e-deleted');
    const doomed = await createE2e({ namespace: 'e2e-deleted' });
    const { cluster } = e2e;
    const [plain, packed] = [e2e.unique('hostile'), e2e.unique('hostile')];
    const upload = await startUpload(doomed, plain, { held: true });
    // The operator holds this upload by a finalizer, because its file has a copy.
    await e2e.db.query(
      `CREATE TABLE ${tableOf(packed)} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint)`,
    );
    const holder = await cluster.connectDatabase();
    await holder.query(`BEGIN; LOCK TABLE ${tableOf(packed)} IN SHARE MODE`);
    try {
      const { metadata } = await doomed.createItemsUpload(packed, gzipSync(bodyOf(packed, SMALL)), { create: false });
      await eventuallyTrue(
        async () => (await cluster.getUpload('e2e-deleted', packed)).metadata.finalizers !== undefined,
        'the upload with a copy is not held',
      );
      for (const uid of [upload.uid, metadata.uid])
        await eventuallyTrue(async () => (await doomed.progress(uid))?.status === 'Processing', 'not yet at work');
      await cluster.kubectl('delete', 'namespace', 'e2e-deleted', '--wait=false');
      await eventuallyTrue(
        async () => (await cluster.kube.find(NAMESPACES, { name: 'e2e-deleted' })) === undefined,
        'the namespace does not go',
        120_000,
      );
      for (const uid of [upload.uid, metadata.uid])
        await eventuallyTrue(async () => (await doomed.progress(uid))?.status === 'Deleted', 'the row is not closed');
      await upload.release();
      await using other = await startUpload(e2e, e2e.unique('hostile'));
      await expectExact(e2e, other);
    } finally {
      await holder.end();
      await upload.release();
      await restoreTenant(e2e, 'e2e-deleted');
      await doomed.close();
    }
    // The operator works in the namespace when it is back, where nothing claims the same content.
    const back = await createE2e({ namespace: 'e2e-deleted' });
    try {
      const { metadata } = await back.createItemsUpload(plain, bodyOf(plain, SMALL), { create: false });
      await expectExact(back, { name: plain, uid: metadata.uid, records: SMALL });
    } finally {
      await back.close();
    }
  });
});
