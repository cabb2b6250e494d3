/** The statements on arrivals, on the oldest and the newest PostgreSQL. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { findDueObjects, markAfterSuccess } from '#ledger/arrivals/after-success.ts';
import { findArrivedNames, findArrivedObjects, findOutdatedObjects, recordArrival } from '#ledger/arrivals/arrivals.ts';
import { rejectEvent } from '#ledger/arrivals/reject-event.ts';
import { Database } from '#ledger/client/database.ts';
import { connectionConfig } from '#ledger/client/pool-connection.ts';
import { grantSql } from '#ledger/ledger-rights.ts';
import { migrationScript } from '#ledger/migrate.ts';
import type { AfterSuccess, Arrival, UploadEvent } from '#ledger/types.ts';
import { commitPlan } from '#ledger/uploads/commit-plan.ts';
import { completeUpload, failUpload } from '#ledger/uploads/finish-upload.ts';
import { prepareLedger } from '#operator/tenancy/prepare-ledger.ts';
import { createDatabase, createLedgerDatabase, withClient } from '#support/database/database.ts';
import { openTestUpload, type TestUpload, testPlan } from '#support/database/ledger.ts';
import { type Postgres, startPostgres } from '#support/database/postgres.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const SCOPE = { clusterId: 'c', namespace: 'n' };

function arrival(change: Partial<Arrival> = {}): Arrival {
  return {
    name: 'orders-1',
    source: 'orders',
    schemaName: 'order',
    bucket: 'in',
    key: 'a/ä + b.csv',
    versionId: null,
    eTag: 'e1',
    size: 5_000_000_000,
    lastModified: new Date('2026-01-01T00:00:00Z'),
    event: { id: 'event-1', time: '2026-01-01T00:00:00.250Z' },
    afterSuccess: null,
    position: { time: new Date('2026-01-01T00:00:00Z'), key: 'a/ä + b.csv' },
    ...change,
  };
}

describe.each([14, 18] as const)('PostgreSQL %i', (version) => {
  let server: Postgres;
  let url: string;
  let db: pg.Client;

  beforeAll(async () => {
    server = await startPostgres({ version, settings: { fsync: 'off' } });
    await withClient(server.url, (client) => client.query("CREATE ROLE app LOGIN PASSWORD 'app'"));
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await createLedgerDatabase(server);
    db = new pg.Client({ connectionString: url });
    await db.connect();
    return () => db.end();
  });

  const rows = async (table: string) => (await db.query(`SELECT * FROM batch_upload.${table}`)).rows;

  it('an arrival is recorded once, with all that is known of it', async () => {
    expect(await recordArrival(db, SCOPE, arrival())).toBe(true);
    expect(await recordArrival(db, SCOPE, arrival({ event: null, eTag: 'e2' }))).toBe(false);
    expect(await rows('batch_upload_arrivals')).toEqual([
      {
        cluster_id: 'c',
        namespace: 'n',
        name: 'orders-1',
        source: 'orders',
        schema_name: 'order',
        bucket: 'in',
        key: 'a/ä + b.csv',
        version_id: null,
        e_tag: 'e1',
        size: '5000000000',
        last_modified: new Date('2026-01-01T00:00:00Z'),
        event_id: 'event-1',
        event_time: new Date('2026-01-01T00:00:00.250Z'),
        after_success: null,
        after_success_at: null,
        created_at: expect.any(Date),
        order_time: new Date('2026-01-01T00:00:00Z'),
        order_key: 'a/ä + b.csv',
      },
    ]);
  });

  it('is found by name, in its own cluster and namespace', async () => {
    await recordArrival(db, SCOPE, arrival());
    const names = ['orders-0', 'orders-1'];
    expect(await findArrivedNames(db, SCOPE, names)).toEqual(new Set(['orders-1']));
    expect(await findArrivedNames(db, { ...SCOPE, namespace: 'm' }, names)).toEqual(new Set());
    expect(await findArrivedNames(db, { ...SCOPE, clusterId: 'd' }, names)).toEqual(new Set());
    expect(await findArrivedNames(db, SCOPE, [])).toEqual(new Set());
  });

  it('a page of objects is answered in its order; what differs in anything is new', async () => {
    await recordArrival(db, SCOPE, arrival());
    await recordArrival(db, SCOPE, arrival({ name: 'orders-2', key: 'b.csv', versionId: 'v' }));
    // The same object with another schema is another upload.
    await recordArrival(db, SCOPE, arrival({ name: 'others-1', source: 'others', schemaName: 'other' }));
    const page = [
      arrival({ key: 'b.csv' }),
      arrival({ key: 'c.csv' }),
      arrival(),
      arrival({ schemaName: 'other' }),
      arrival({ schemaName: 'third' }),
      arrival({ bucket: 'out' }),
      arrival({ eTag: 'e2' }),
      arrival({ size: 1 }),
      // Some servers list milliseconds, but a HEAD answer has whole seconds.
      arrival({ lastModified: new Date('2026-01-01T00:00:00.999Z') }),
      arrival({ lastModified: new Date('2026-01-01T00:00:01Z') }),
    ];
    const found = ['orders-2', null, 'orders-1', 'others-1', null, null, null, null, 'orders-1', null];
    expect(await findArrivedObjects(db, SCOPE, page)).toEqual(found);
    expect(await findArrivedObjects(db, { ...SCOPE, namespace: 'm' }, page)).toEqual(page.map(() => null));
    expect(await findArrivedObjects(db, SCOPE, [])).toEqual([]);
  });

  it('of a key that arrived in a newer version an older one is known to be outdated', async () => {
    await recordArrival(db, SCOPE, arrival({ key: 'b.csv', lastModified: new Date('2026-01-02T00:00:00Z') }));
    const at = (key: string, time: string) => ({ key, lastModified: new Date(time) });
    const asked = [
      at('a.csv', '2026-01-01T00:00:00Z'),
      at('b.csv', '2026-01-01T23:59:59.999Z'),
      at('b.csv', '2026-01-02T00:00:00.5Z'),
    ];
    expect(await findOutdatedObjects(db, { ...SCOPE, bucket: 'in' }, asked)).toEqual([false, true, false]);
    expect(await findOutdatedObjects(db, { ...SCOPE, bucket: 'out' }, asked)).toEqual([false, false, false]);
  });

  it('a page of a thousand objects is a thousand probes of the index', async () => {
    const page = Array.from({ length: 1000 }, (_, i) => arrival({ name: `orders-${i}`, key: `${i}.csv` }));
    for (const each of page) await recordArrival(db, SCOPE, each);
    await db.query('ANALYZE batch_upload.batch_upload_arrivals; BEGIN');
    expect(await findArrivedObjects(db, SCOPE, page)).toEqual(page.map(({ name }) => name));
    const scans = `SELECT pg_stat_get_xact_numscans('batch_upload.batch_upload_arrivals_object'::regclass)::int AS scans`;
    expect((await db.query(scans)).rows).toEqual([{ scans: page.length }]);
    await db.query('COMMIT');
  });

  describe('what is to be done after success', () => {
    const remove: AfterSuccess = { action: 'Delete' };
    const due = () => findDueObjects(db, { ...SCOPE, source: 'orders' });

    async function open(name: string, options: TestUpload = {}): Promise<string> {
      const s3 = { bucket: 'in', key: `${name}.csv` };
      const id = await openTestUpload(db, { name, ...options, request: { s3, ...options.request } });
      await commitPlan(db, { id, attempt: 1 }, { ...testPlan(id), totalRecords: 0, chunks: [] });
      await recordArrival(db, SCOPE, arrival({ name, key: s3.key, afterSuccess: remove }));
      return id;
    }

    it('is due once the upload is complete, until it is done', async () => {
      const id = await open('orders-1');
      expect(await due()).toEqual([]);
      await completeUpload(db, id);
      expect(await due()).toEqual([
        { name: 'orders-1', bucket: 'in', key: 'orders-1.csv', versionId: null, eTag: 'e1', afterSuccess: remove },
      ]);
      expect(await findDueObjects(db, { ...SCOPE, source: 'others' })).toEqual([]);
      await markAfterSuccess(db, { ...SCOPE, name: 'orders-1' });
      expect(await due()).toEqual([]);
    });

    it('is not due while another upload of the same object is not complete', async () => {
      const object = { key: 'orders-1.csv', eTag: 'e1' };
      const id = await open('orders-1');
      // others-1 is the upload of another source, of the same bytes, which were written again later.
      const later = new Date('2026-01-01T00:00:05Z');
      await recordArrival(db, SCOPE, arrival({ ...object, name: 'others-1', source: 'others', lastModified: later }));
      await recordArrival(db, SCOPE, arrival({ ...object, name: 'others-2', source: 'others', eTag: 'e2' }));
      await recordArrival(db, SCOPE, arrival({ ...object, name: 'others-3', source: 'others', versionId: 'v' }));
      await completeUpload(db, id);
      expect(await due()).toEqual([]);
      const s3 = { bucket: 'in', key: object.key };
      const other = await openTestUpload(db, { name: 'others-1', request: { s3, reload: true } });
      expect(await due()).toEqual([]);
      await commitPlan(db, { id: other, attempt: 1 }, { ...testPlan(other), totalRecords: 0, chunks: [] });
      await completeUpload(db, other);
      expect(await due()).toMatchObject([{ name: 'orders-1' }]);
    });

    it('never of an upload that failed or only validated, nor where nothing was asked for', async () => {
      await failUpload(db, { id: await open('orders-1') }, { reason: 'Test', message: 'test' });
      await completeUpload(db, await open('orders-2', { request: { mode: 'Validate' } }));
      const keep = await openTestUpload(db, { name: 'orders-3', request: { s3: { bucket: 'in', key: 'k' } } });
      await commitPlan(db, { id: keep, attempt: 1 }, { ...testPlan(keep), totalRecords: 0, chunks: [] });
      await recordArrival(db, SCOPE, arrival({ name: 'orders-3', key: 'k' }));
      await completeUpload(db, keep);
      // A person created an upload with this name for another object.
      await completeUpload(db, await open('orders-4'));
      await db.query(`UPDATE batch_upload.batch_uploads SET s3_key = 'other' WHERE name = 'orders-4'`);
      expect(await due()).toEqual([]);
    });
  });

  it('an event that cannot be understood is kept once, cut and without NUL', async () => {
    const event = { source: 'orders', messageId: 'm-1', reason: 'not JSON\0', body: `{"a\0${'ä'.repeat(5000)}` };
    await rejectEvent(db, SCOPE, event);
    await rejectEvent(db, SCOPE, { ...event, body: 'again' });
    await rejectEvent(db, SCOPE, { ...event, messageId: null, body: new Uint8Array([0xff, 0x41]) });
    await rejectEvent(db, SCOPE, { ...event, messageId: null, body: '' });
    const kept = await rows('batch_upload_rejected_events');
    // The ledger keeps 8 KiB of a body: here four bytes, and 4,094 characters of two bytes each.
    expect(kept.map(({ message_id, body }) => [message_id, body])).toEqual([
      ['m-1', `{"a\\u0000${'ä'.repeat(4094)}`],
      [null, '\ufffdA'],
      [null, ''],
    ]);
    expect(kept[0]).toMatchObject({ cluster_id: 'c', namespace: 'n', source: 'orders', reason: 'not JSON\\u0000' });
  });

  it('the audit says which event announced an upload’s file', async () => {
    const accepted = async (event?: UploadEvent) => {
      const id = await openTestUpload(db, { request: event ? { event } : {} });
      const { rows } = await db.query(
        `SELECT a.metadata, u.request FROM batch_upload.batch_upload_audit_logs a
         JOIN batch_upload.batch_uploads u ON u.id = a.batch_upload_id WHERE u.id = $1 AND event_type = 'upload_accepted'`,
        [id],
      );
      return rows[0];
    };
    const plain = { namespace: 'n', name: 'u', source_type: 'Manual' };
    expect((await accepted()).metadata).toEqual(plain);
    const event = { id: 'e-1', time: '2026-01-01T00:00:00Z', uploadSource: 'orders' };
    expect(await accepted(event)).toEqual({
      metadata: { ...plain, event_id: 'e-1', event_time: '2026-01-01T00:00:00Z', upload_source: 'orders' },
      request: expect.objectContaining({ event }),
    });
    expect((await accepted({ uploadSource: 'orders' })).metadata).toEqual({ ...plain, upload_source: 'orders' });
  });

  it('a role that may not make the tables can use them with the rights that the message names', async () => {
    const other = await createDatabase(server);
    await withClient(other, async (client) => client.query(await migrationScript()));
    const app = other.replace('postgres:postgres@', 'app:app@');
    const config = connectionConfig({ uri: app, caCert: undefined, namespace: 'n' });
    const database = new Database({ config, tickMs: 1000, clock: systemClock, log: createRecordingLog() });
    const prepare = () => prepareLedger({ database, findMigrator: async () => null });
    try {
      expect(await prepare()).toMatchObject({ reason: 'DatabaseAccessDenied' });
      await withClient(other, (client) =>
        client.query(`${grantSql('app')} REVOKE UPDATE ON batch_upload.batch_upload_arrivals FROM app`),
      );
      const explanation = await prepare();
      expect(explanation).toMatchObject({ reason: 'DatabaseAccessDenied' });
      await withClient(other, (client) => client.query(/Run as its owner: (.*)$/.exec(explanation!.message)![1]!));
      expect(await prepare()).toBeNull();
      await database.run(async (client) => {
        await recordArrival(client, SCOPE, arrival());
        expect(await findArrivedNames(client, SCOPE, ['orders-1'])).toEqual(new Set(['orders-1']));
        await markAfterSuccess(client, { ...SCOPE, name: 'orders-1' });
        await rejectEvent(client, SCOPE, { source: 's', messageId: null, reason: 'r', body: 'b' });
      });
    } finally {
      await database.close();
    }
  });
});
