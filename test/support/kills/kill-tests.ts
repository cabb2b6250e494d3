/** Certification uploads for kill tests: helpers start, stop, freeze and kill their pods, and compare all results. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import type { BatchUploadSpec } from '#api/batch-upload.gen.ts';
import { type BatchUpload, hasCondition } from '#support/cluster/cluster.ts';
import { type E2e, eventuallyTrue, type Pod } from '#support/cluster/e2e.ts';
import { schemaManifest, uploadManifest } from '#support/cluster/manifests.ts';
import { type ExpectedCounts, generateCertifications } from '#support/records/certifications.ts';
import { compareCertifications } from '#support/records/compare-certifications.ts';
import { expectCertifications } from '#support/records/oracle.ts';
import { CERTIFICATIONS_SQL, exampleSchema } from '#support/runner/runner.ts';
import { type Brake, type Brakes, installBrakes } from './brakes.ts';

const exec = promisify(execFile);

export interface Started {
  upload: BatchUpload;
  file: Buffer;
  counts: ExpectedCounts;
  /** The row number of a record that the chunk writes into the table. */
  goodRow(chunk: number): number;
}

export interface StartOptions {
  records: number;
  chunkRecords: number;
  duplicates?: number;
  /** Sessions of the database; default: 8, which are two pods where the file is worth them. */
  parallelism?: number;
  /** The object exists and the RecordSchema does not, so the upload cannot begin before {@link letGo}. */
  held?: boolean;
  /** Further fields of the spec. */
  spec?: Partial<BatchUploadSpec>;
}

let seed = Math.floor(Date.now() / 1000) % 10_000_000;

export const SCHEMA_NAME = 'certifications';

export async function prepareKillTests({ cluster, db, namespace }: E2e): Promise<void> {
  const { rows } = await db.query<{ there: boolean }>("SELECT to_regclass('certifications') IS NOT NULL AS there");
  if (!rows[0]!.there) await db.query(CERTIFICATIONS_SQL);
  await cluster.apply(schemaManifest(namespace, SCHEMA_NAME, exampleSchema('certifications')));
}

/** Installs brakes for pods that load certifications. The first upload makes the ledger, which the brakes need. */
export async function installKillBrakes(e2e: E2e): Promise<Brakes> {
  await prepareKillTests(e2e);
  await expectComplete(e2e, await startCertifications(e2e, { records: 500, chunkRecords: 100 }));
  return installBrakes(e2e.cluster, e2e.db, 'certifications');
}

export async function startCertifications(e2e: E2e, options: StartOptions): Promise<Started> {
  const name = e2e.unique('kill');
  seed += 1;
  const { pieces, counts } = generateCertifications({
    records: options.records,
    seed,
    duplicates: options.duplicates ?? 0.01,
  });
  const file = Buffer.concat([...pieces]);
  const key = `e2e/${name}.csv`;
  await e2e.cluster.putObject(key, file);
  await e2e.cluster.apply(
    uploadManifest(e2e.namespace, name, {
      source: { type: 'Manual', s3: { bucket: e2e.cluster.env.S3_BUCKET, key } },
      schemaRef: { name: options.held ? `held-${name}` : SCHEMA_NAME },
      parallelism: options.parallelism ?? 8,
      chunkRecords: options.chunkRecords,
      ...options.spec,
    }),
  );
  const records = [...expectCertifications(file)];
  return {
    upload: await e2e.cluster.getUpload(e2e.namespace, name),
    file,
    counts,
    goodRow(chunk) {
      const own = records.slice(chunk * options.chunkRecords, (chunk + 1) * options.chunkRecords);
      return own.slice(own.length / 3).find(({ outcome }) => outcome === 'succeeded')!.row;
    },
  };
}

/** Lets an upload begin that was started with `held`. */
export async function letGo(e2e: E2e, { upload }: Started): Promise<void> {
  await e2e.cluster.apply(
    schemaManifest(e2e.namespace, `held-${upload.metadata.name}`, exampleSchema('certifications')),
  );
}

export async function expectComplete(e2e: E2e, { upload, file, counts }: Started): Promise<void> {
  const { name, uid } = upload.metadata;
  const done = await e2e.cluster.waitForUpload(e2e.namespace, name, (each) => hasCondition(each, 'Complete'), 240_000);
  const { records, succeeded, failed, duplicate } = counts;
  expect(done.status?.records).toEqual({
    total: records,
    processed: records,
    succeeded,
    failed,
    duplicate,
    updated: 0,
  });
  await expectExactRows(e2e, uid, { file, counts });
  await expectOneAuditRowPerChunk(e2e, uid, done.status?.plan?.chunks ?? -1);
}

async function expectExactRows(
  e2e: E2e,
  uid: string,
  { file, counts }: Pick<Started, 'file' | 'counts'>,
): Promise<void> {
  const { succeeded, failed, duplicate } = counts;
  expect(await compareCertifications(e2e.db, uid, file)).toEqual({ succeeded, failed, duplicate, differences: [] });
}

export async function expectOneAuditRowPerChunk(e2e: E2e, uid: string, chunks: number): Promise<void> {
  const audit = await e2e.db.query<{ rows: number; chunks: number }>(
    `SELECT count(*)::int AS rows, count(DISTINCT chunk_number)::int AS chunks FROM batch_upload.batch_upload_audit_logs
     WHERE batch_upload_id = $1 AND event_type = 'chunk_completed'`,
    [uid],
  );
  expect(audit.rows).toEqual([{ rows: chunks, chunks }]);
}

/**
 * Finds the one running pod of a Job and index by its application name, such as `batch-upload/<uid>/process-1`. A pod
 * may work before its kubelet reports that the pod runs.
 */
export async function podOf(e2e: E2e, uid: string, application: string): Promise<Pod> {
  const index = /process-(\d+)/.exec(application)?.[1] ?? '0';
  let running: Pod[] = [];
  await eventuallyTrue(async () => {
    running = (await e2e.podsOf(uid)).filter(
      ({ metadata, status }) =>
        status.phase === 'Running' && (metadata.labels['batch.kubernetes.io/job-completion-index'] ?? '0') === index,
    );
    return running.length === 1;
  }, `not one pod of ${application} runs`);
  return running[0]!;
}

export type Point = [kind: 'in COPY' | 'before COMMIT', chunk: number];

/**
 * Lets a held upload begin and kills the pods at the points, in the order in which the pods reach them: a chunk may
 * wait for another chunk that is stopped at its point and holds the same key.
 */
export async function killAt(e2e: E2e, brakes: Brakes, started: Started, points: readonly Point[]): Promise<void> {
  const { uid } = started.upload.metadata;
  const left = new Map<Point, Brake>();
  for (const point of points) {
    const [kind, chunk] = point;
    const brake =
      kind === 'in COPY' ? await brakes.inCopy(uid, started.goodRow(chunk)) : await brakes.beforeCommit(uid, chunk);
    left.set(point, brake);
  }
  await letGo(e2e, started);
  const killOne = async () => {
    for (const [point, brake] of left) {
      const standing = await brake.standing();
      if (standing === undefined) continue;
      const [kind, chunk] = point;
      // If keys are stored already, rows go into a temporary table first, and from there into the table by INSERT.
      const expected =
        kind === 'in COPY'
          ? /(COPY|INSERT INTO) (?:"public"\.)?"certifications"|batch_upload_merge_by_record/
          : /batch_upload_audit_logs/;
      expect(standing.query).toMatch(expected);
      await killPod(e2e, await podOf(e2e, uid, standing.application));
      await brake.release();
      left.delete(point);
      console.log(`killed ${kind} of chunk ${chunk}: ${standing.application}`);
      return true;
    }
    return false;
  };
  while (left.size > 0) await eventuallyTrue(killOne, `no session stands at ${[...left.keys()].join(' nor ')}`);
}

/** Returns when the pod's process is dead; the pod itself stays until its Job has counted it. */
export async function killPod(e2e: E2e, pod: Pod): Promise<void> {
  const { name } = pod.metadata;
  await e2e.cluster.kubectl('-n', e2e.namespace, 'delete', 'pod', name, '--force', '--grace-period=0', '--wait=false');
  await eventuallyTrue(async () => !(await isAlive(e2e, pod)), `the process of ${name} lives on`);
}

/** Sends a signal to a pod's process on its node, since the Kubernetes API cannot. */
export async function signalPod(e2e: E2e, pod: Pod, signal: 'STOP' | 'CONT' | 'KILL'): Promise<void> {
  const pid = await processOf(e2e, pod);
  if (!pid) throw new Error(`no process of ${pod.metadata.name} on ${pod.spec.nodeName}`);
  await exec('docker', ['exec', pod.spec.nodeName!, 'kill', `-${signal}`, pid], { env: e2e.cluster.env });
}

export async function isAlive(e2e: E2e, pod: Pod): Promise<boolean> {
  return (await processOf(e2e, pod)) !== null;
}

/** A node without its kubelet looks like a node that was cut off: Kubernetes gets no report, and the pods run on. */
export async function controlKubelet({ cluster }: E2e, node: string, what: 'start' | 'stop'): Promise<void> {
  await exec('docker', ['exec', node, 'systemctl', what, 'kubelet'], { env: cluster.env });
}

/** The process id on the pod's node; null when the process has ended. */
async function processOf({ cluster }: E2e, pod: Pod): Promise<string | null> {
  const container = pod.status.containerStatuses?.[0]?.containerID?.replace('containerd://', '');
  const node = pod.spec.nodeName;
  if (!container || !node) throw new Error(`${pod.metadata.name} has no container`);
  const script = `ctr -n k8s.io task ls | awk '$1 == "${container}" && $3 != "STOPPED" { print $2 }'`;
  const { stdout } = await exec('docker', ['exec', node, 'sh', '-c', script], { env: cluster.env });
  return /^\d+$/.test(stdout.trim()) ? stdout.trim() : null;
}
