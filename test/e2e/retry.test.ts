/** A failed upload is tried again when spec.retryGeneration is raised. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type BatchUpload, hasCondition, isFinished } from '#support/cluster/cluster.ts';
import { createE2e, type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';

let e2e: E2e;
let name: string;
let table: string;
beforeAll(async () => {
  e2e = await createE2e();
});
afterAll(() => e2e.close());
beforeEach(() => {
  name = e2e.unique('retry');
  table = name.replaceAll('-', '_');
  return async () => {
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'batchupload', name, '--ignore-not-found');
    await e2e.cluster.kubectl('-n', NAMESPACE, 'delete', 'recordschema', name, '--ignore-not-found');
  };
});

const waitFor = (until: (upload: BatchUpload) => boolean) => e2e.cluster.waitForUpload(NAMESPACE, name, until, 90_000);
const patch = (spec: object) =>
  e2e.cluster.kubectl('-n', NAMESPACE, 'patch', 'batchupload', name, '--type=merge', '-p', JSON.stringify({ spec }));
const failed = (upload: BatchUpload) => upload.status?.conditions?.find(({ type }) => type === 'Failed');
/** Tells whether the operator has seen the upload's last change and the upload has ended. */
const endedAgain = (upload: BatchUpload) =>
  isFinished(upload) && failed(upload)?.observedGeneration === upload.metadata.generation;
const body = (records: number) => `k,v\n${Array.from({ length: records }, (_, i) => `k${i},v`).join('\n')}\n`;

it('in the middle of the file: the rest is loaded by Jobs of another attempt', async () => {
  // The trigger makes the table look as if it were dropped.
  await e2e.db.query(`CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint);
    CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.k = 'k299' THEN RAISE undefined_table; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}()`);
  const { metadata } = await e2e.createItemsUpload(name, body(300), { spec: { chunkRecords: 30 } });
  const first = await waitFor((upload) => hasCondition(upload, 'Failed'));
  const { processed } = first.status!.records!;
  expect(processed).toBeGreaterThan(0);
  expect(processed).toBeLessThan(300);

  // The trigger is still there, so the upload fails again, and its counts stay.
  await patch({ retryGeneration: 1 });
  const second = await waitFor(endedAgain);
  expect(failed(second)).toMatchObject({ status: 'True', reason: failed(first)?.reason });
  expect(second.status?.startTime).toBe(first.status?.startTime);
  expect(second.status?.jobs?.map((job) => job.name)).toEqual([`${metadata.uid}-plan-2`]);

  await e2e.db.query(`DROP TRIGGER refuse ON ${table}`);
  await patch({ retryGeneration: 2 });
  const third = await waitFor((upload) => hasCondition(upload, 'Complete', 'Completed'));
  expect(failed(third)).toMatchObject({ status: 'False' });
  expect(third.status?.records).toMatchObject({ total: 300, processed: 300, succeeded: 300, failed: 0, duplicate: 0 });
  const { rows } = await e2e.db.query(`SELECT count(*)::int AS n FROM ${table} WHERE batch_upload_id = $1`, [
    metadata.uid,
  ]);
  expect(rows).toEqual([{ n: 300 }]);
  await eventuallyTrue(async () => (await e2e.activeJobs(metadata.uid)).length === 0, 'a Job is still running');
});

it('before there was a plan: the file is planned again', async () => {
  await e2e.createItemsUpload(name, null);
  await waitFor((upload) => hasCondition(upload, 'Failed', 'ObjectNotFound'));
  await e2e.cluster.putObject(`e2e/${name}.csv`, body(3));
  await patch({ retryGeneration: 1 });
  const upload = await waitFor((each) => hasCondition(each, 'Complete', 'Completed'));
  expect(upload.status?.records).toMatchObject({ total: 3, succeeded: 3 });
});

it('too many failed records: fails again until the limit is raised', async () => {
  await e2e.createItemsUpload(name, 'k,v\na,1\nb,2,x\n', {
    spec: { errorPolicy: { maxFailedRecords: 0, storeRowData: true } },
  });
  await waitFor((upload) => hasCondition(upload, 'Failed', 'TooManyFailedRecords'));
  await patch({ retryGeneration: 1 });
  expect(failed(await waitFor(endedAgain))).toMatchObject({ status: 'True', reason: 'TooManyFailedRecords' });
  await patch({ retryGeneration: 2, errorPolicy: { maxFailedRecords: 1 } });
  const upload = await waitFor((each) => hasCondition(each, 'Complete'));
  expect(upload.status?.records).toMatchObject({ total: 2, succeeded: 1, failed: 1 });
});

it('an object that was replaced: stays Failed, and says what to do', async () => {
  await e2e.createItemsUpload(name, body(3), {
    spec: {
      source: { type: 'Manual', s3: { bucket: e2e.cluster.env.S3_BUCKET, key: `e2e/${name}.csv`, eTag: '"old"' } },
    },
  });
  await waitFor((upload) => hasCondition(upload, 'Failed', 'SourceChanged'));
  await patch({ retryGeneration: 1 });
  const upload = await waitFor(endedAgain);
  expect(failed(upload)).toMatchObject({
    status: 'True',
    reason: 'SourceChanged',
    message: expect.stringMatching(/cannot be tried again.*Create another BatchUpload/),
  });
  await expect(patch({ retryGeneration: 0 })).rejects.toThrow('spec.retryGeneration only grows');
});
