/** Uploads that something in the cluster hinders: tests start them, hold them, read what they say, and count their rows. */
import { expect } from 'vitest';
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { findCondition } from '#api/conditions.ts';
import { BATCH_UPLOADS, RECORD_SCHEMAS } from '#kube/custom-resources.ts';
import { type BatchUpload, isFinished } from '#support/cluster/cluster.ts';
import { type E2e, eventuallyTrue } from '#support/cluster/e2e.ts';

/** One pod plans and loads a file of so many records. */
export const SMALL = 300;
/** A Job of two pods loads a file of so many records; see runner.inlineLimitBytes in test/cluster/values.yaml. */
export const LARGE = 60_000;
/** Two pods have four sessions each. */
const PARALLELISM = 8;

export interface HinderedUpload extends AsyncDisposable {
  name: string;
  uid: string;
  records: number;
  /** Lets the pods write into the table of an upload that was started with `held`. */
  release(): Promise<void>;
}

export interface StartOptions {
  /** Default: {@link SMALL}. */
  records?: number;
  /** A lock on the table keeps the pods from writing, so that the upload cannot end before `release`. */
  held?: boolean;
  spec?: Partial<BatchUploadSpec>;
}

export async function startUpload(
  e2e: E2e,
  name: string,
  { records = SMALL, held = false, spec = {} }: StartOptions = {},
): Promise<HinderedUpload> {
  const { cluster, db, namespace } = e2e;
  const table = tableOf(name);
  await db.query(`CREATE TABLE ${table} (k text PRIMARY KEY, v text, batch_upload_id uuid, row_number bigint)`);
  const holder = held ? await cluster.connectDatabase() : null;
  await holder?.query(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
  let isHeld = held;
  const release = async () => {
    if (isHeld) await holder?.end();
    isHeld = false;
  };
  const { metadata } = await e2e.createItemsUpload(name, bodyOf(name, records), {
    create: false,
    spec: { parallelism: PARALLELISM, ...spec },
  });
  return {
    name,
    uid: metadata.uid,
    records,
    release,
    async [Symbol.asyncDispose]() {
      await release();
      await cluster.kube.delete(BATCH_UPLOADS, { namespace, name });
      await cluster.kube.delete(RECORD_SCHEMAS, { namespace, name });
      await db.query(`DROP TABLE ${table}`);
    },
  };
}

export const tableOf = (name: string) => name.replaceAll('-', '_');

/** The name makes the content of each file different, because the same content is not loaded twice. */
export function bodyOf(name: string, records: number): string {
  return `k,v\n${Array.from({ length: records }, (_, i) => `k${i},${name}-${i}`).join('\n')}\n`;
}

type Named = Pick<HinderedUpload, 'name'>;

/** Waits until the upload is degraded for this reason. @returns the message that a person reads */
export async function degradedBy(
  { cluster, namespace }: E2e,
  { name }: Named,
  { reason, withinMs }: { reason: string; withinMs: number },
): Promise<string> {
  const { status } = await cluster.waitForUpload(
    namespace,
    name,
    (upload) => isDegraded(upload) && findCondition(upload.status, 'Degraded')?.reason === reason,
    withinMs,
  );
  const { message } = findCondition(status, 'Degraded')!;
  // The status has the same text in its first line, for those who read no conditions.
  expect(status?.message).toBe(message);
  return message;
}

export const isDegraded = ({ status }: BatchUpload) => findCondition(status, 'Degraded')?.status === 'True';

/** Waits until nothing hinders the upload, without waiting for its end. */
export async function nothingHinders({ cluster, namespace }: E2e, { name }: Named, withinMs: number): Promise<void> {
  await cluster.waitForUpload(namespace, name, (upload) => !isDegraded(upload), withinMs);
}

/** Waits for the upload's end and expects that each record is in the table once, as status and ledger say. */
export async function expectExact(
  e2e: E2e,
  { name, uid, records }: Pick<HinderedUpload, 'name' | 'uid' | 'records'>,
): Promise<void> {
  const { cluster, db, namespace } = e2e;
  const { status } = await cluster.waitForUpload(namespace, name, isFinished, 200_000);
  expect(status).toMatchObject({
    phase: 'Complete',
    records: { total: records, processed: records, succeeded: records, failed: 0, duplicate: 0 },
  });
  expect(findCondition(status, 'Degraded')?.status).toBe('False');
  const { rows } = await db.query(
    `SELECT count(*)::int AS rows, count(DISTINCT row_number)::int AS numbers FROM ${tableOf(name)} WHERE batch_upload_id = $1`,
    [uid],
  );
  expect(rows).toEqual([{ rows: records, numbers: records }]);
  expect((await e2e.progress(uid))?.counts).toMatchObject({ processed: records, succeeded: records });
}

/** Waits until so many pods of the upload run. @returns their names */
export async function runningPods(e2e: E2e, { uid }: HinderedUpload, count = 1): Promise<string[]> {
  let running: string[] = [];
  await eventuallyTrue(
    async () => {
      const pods = await e2e.podsOf(uid);
      running = pods
        .filter(({ metadata, status }) => status.phase === 'Running' && !('deletionTimestamp' in metadata))
        .map(({ metadata }) => metadata.name);
      return running.length === count;
    },
    `${count} pods run`,
    150_000,
  );
  return running;
}

/** Waits until the upload has a pod: from then on the time counts within which the upload has to say what hinders the pod. */
export async function hasPod(e2e: E2e, { uid }: HinderedUpload): Promise<void> {
  await eventuallyTrue(async () => (await e2e.podsOf(uid)).length > 0, 'no pod is made', 150_000);
}

/** Runs the line of a message, such as `kubectl patch job …`, as a person would who is told to run it. */
export async function runLineOf(e2e: E2e, message: string): Promise<void> {
  const line = /kubectl (?:patch|delete) (?:'[^']*'|[^'.]|\.(?=\S))*/.exec(message)?.[0];
  expect(line, message).toBeDefined();
  const args = [...line!.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
  await e2e.cluster.kubectl('-n', e2e.namespace, ...args.slice(1));
}
