/** The leading operator is killed at a fault point, and the other replica goes on. */
import { expect } from 'vitest';
import type { FaultPoint } from '#operator/controller/fault-point.ts';
import { settingsOf } from '#support/cluster/deployment-settings.ts';
import { type E2e, eventuallyTrue, NAMESPACE } from '#support/cluster/e2e.ts';
import { expectComplete, startCertifications } from './kill-tests.ts';

export const SYSTEM = ['-n', 'batch-upload-system'];
const DEPLOYMENT = 'deployment/batch-upload-operator';
const LABEL = 'app.kubernetes.io/name=batch-upload';

export interface OperatorPod {
  metadata: { name: string; deletionTimestamp?: string };
  status: { containerStatuses?: { lastState?: { terminated?: { exitCode: number } } }[] };
}

export async function operatorPods({ cluster }: E2e): Promise<OperatorPod[]> {
  const text = await cluster.kubectl(...SYSTEM, 'get', 'pods', '-l', LABEL, '-o', 'json');
  return (JSON.parse(text) as { items: OperatorPod[] }).items;
}

/** Returns when that many operators run; the bridge stays as it is. */
export async function scaleOperator({ cluster }: E2e, replicas: number): Promise<void> {
  await cluster.kubectl(...SYSTEM, 'scale', DEPLOYMENT, `--replicas=${replicas}`);
  if (replicas === 0) await cluster.kubectl(...SYSTEM, 'wait', '--for=delete', 'pod', '-l', LABEL, '--timeout=60s');
  else await cluster.kubectl(...SYSTEM, 'rollout', 'status', DEPLOYMENT, '--timeout=60s');
}

/** Rolls the operator out with the fault point, or without one. */
export async function setFaultPoint(e2e: E2e, point: FaultPoint | null): Promise<void> {
  await setVariable(e2e, 'BATCH_UPLOAD_FAULT_POINT', point);
}

/** Rolls the operator out with another value of a variable, or without it. @returns the value that it had */
export async function setVariable({ cluster }: E2e, name: string, value: string | null): Promise<string | null> {
  const { [name]: before = null } = await settingsOf(cluster, 'batch-upload-operator');
  const change = value === null ? `${name}-` : `${name}=${value}`;
  await cluster.kubectl(...SYSTEM, 'set', 'env', DEPLOYMENT, change);
  await cluster.kubectl(...SYSTEM, 'rollout', 'status', DEPLOYMENT, '--timeout=120s');
  return before;
}

/** Expects that an upload is complete and exact, with every Job made once, although an operator ends at the point. */
export async function killOperatorAt(e2e: E2e, point: FaultPoint): Promise<void> {
  await setFaultPoint(e2e, point);
  const started = await startCertifications(e2e, { records: 12_000, chunkRecords: 500 });
  await eventuallyTrue(
    async () => (await operatorPods(e2e)).some(wasKilled),
    `no operator was killed ${point}`,
    120_000,
  );
  await expectComplete(e2e, started);
  const { uid } = started.upload.metadata;
  const label = `batchupload.dev/uid=${uid}`;
  const jobs = await e2e.cluster.kubectl('-n', NAMESPACE, 'get', 'jobs', '-l', label, '-o', 'name');
  expect(jobs.trim().split('\n').toSorted()).toEqual([`job.batch/${uid}-plan-1`, `job.batch/${uid}-process-1`]);
}

function wasKilled({ status }: OperatorPod): boolean {
  return status.containerStatuses?.[0]?.lastState?.terminated?.exitCode === 137;
}
