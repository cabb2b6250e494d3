/**
 * Writes the statuses of RecordSchemas, so that whoever applies one reads its faults before the first upload does. Nothing
 * else reads these statuses: an upload checks its schema itself.
 */
import { setCondition } from '#api/conditions.ts';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { Explanation } from '#api/explanation.ts';
import type { RecordSchemaStatus } from '#api/record-schema.gen.ts';
import type { SchemaCondition } from '#api/record-schema-conditions.ts';
import { canonicalJson } from '#common/canonical-json.ts';
import { type Clock, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import { isoSeconds } from '#common/iso-seconds.ts';
import type { Logger } from '#common/log.ts';
import { cutText } from '#common/text.ts';
import { FIELD_MANAGER, RECORD_SCHEMAS, type RecordSchema } from '#kube/custom-resources.ts';
import { isNotFound, isSchemaRefusal, KubeError } from '#kube/errors.ts';
import type { KubeClient, ProcessResult } from '#kube/types.ts';
import type { ControllerConfig } from '#operator/config/controller-config.ts';
import { checkNamespace } from '#operator/tenancy/allow-list.ts';
import type { Databases } from '#operator/tenancy/databases.ts';
import { verifyTarget } from '#runner/target/verify-target.ts';
import { describeFaults } from './accept-policy.ts';

export interface SchemaStatusDeps {
  client: Pick<KubeClient, 'applyStatus'>;
  databases: Databases;
  config: Pick<ControllerConfig, 'namespaces'>;
  clock: Clock;
  log: Logger;
}

type Verdict = Explanation & { status: SchemaCondition['status'] };

/** A table is looked at again after this time; sooner where it is not ready, since somebody may be mending it. */
const AGAIN_MS = { ready: 600_000, notReady: 60_000 };
/** A check of the table that takes longer than this does not hold up the verdict on a new schema itself. */
const SLOW_MS = 1_000;
const MESSAGE_BYTES = 4096;

/** Checks a schema and its table, and writes the status where it has changed. */
export async function updateSchemaStatus(
  deps: SchemaStatusDeps,
  schema: RecordSchema,
  signal: AbortSignal,
): Promise<ProcessResult> {
  const faults = describeFaults(schema.spec);
  const checking = faults === null ? checkTarget(deps, schema, signal) : Promise.resolve(NOT_CHECKED);
  const isNew = schema.status?.observedGeneration !== schema.metadata.generation;
  let current = schema;
  // Whoever has just applied a schema reads its faults at once, also while a database does not answer.
  if (isNew && (await isSlow(checking, deps, signal))) {
    current = { ...schema, status: await writeStatus(deps, schema, { faults, target: SLOW_ANSWER, signal }) };
  }
  const target = await checking;
  await writeStatus(deps, current, { faults, target, signal });
  return { requeueAfterMs: target.status === 'True' ? AGAIN_MS.ready : AGAIN_MS.notReady };
}

async function isSlow(checking: Promise<Verdict>, { clock }: SchemaStatusDeps, signal: AbortSignal): Promise<boolean> {
  const enough = new AbortController();
  const wait = sleep(clock, SLOW_MS, AbortSignal.any([signal, enough.signal])).then(() => true);
  return Promise.race([checking.then(() => false), wait]).finally(() => enough.abort());
}

async function writeStatus(
  { client, clock, log }: SchemaStatusDeps,
  schema: RecordSchema,
  { faults, target, signal }: { faults: string | null; target: Verdict; signal: AbortSignal },
): Promise<RecordSchemaStatus> {
  const { name, namespace, uid, generation = 0 } = schema.metadata;
  const at = { now: isoSeconds(clock.now()), generation };
  const set = (before: SchemaCondition[], type: SchemaCondition['type'], verdict: Verdict) =>
    setCondition(before, { type, ...verdict, message: cutText(verdict.message, MESSAGE_BYTES) }, at);
  const ready: Verdict =
    faults === null
      ? { status: 'True', reason: 'Valid', message: 'Uploads can use the RecordSchema.' }
      : { status: 'False', reason: 'SchemaInvalid', message: `Uploads cannot use the RecordSchema: ${faults}.` };
  const conditions = set(set(schema.status?.conditions ?? [], 'Ready', ready), 'TargetReady', target);
  const status: RecordSchemaStatus = { observedGeneration: generation, conditions };
  if (canonicalJson(schema.status ?? null) !== canonicalJson(status)) {
    const object = { metadata: { name, namespace, uid }, status } as RecordSchema;
    const options = { fieldManager: FIELD_MANAGER, force: true, signal };
    await client.applyStatus(RECORD_SCHEMAS, object, options).catch((error) => explainRefusal(error, schema, log));
  }
  return status;
}

const NOT_CHECKED: Verdict = {
  status: 'Unknown',
  reason: 'NotChecked',
  message: 'The table is looked at when the RecordSchema has no fault.',
};

const SLOW_ANSWER: Verdict = {
  status: 'Unknown',
  reason: 'SlowAnswer',
  message: 'The database of the namespace has not answered yet; the table is looked at when it does.',
};

/** The table of the namespace's default database; uploads may name others. */
async function checkTarget(
  { databases, config }: SchemaStatusDeps,
  { metadata: { namespace }, spec }: RecordSchema,
  signal: AbortSignal,
): Promise<Verdict> {
  const refused = checkNamespace(namespace, config);
  if (refused) return { status: 'Unknown', ...refused };
  try {
    const database = await databases.open({ namespace, name: DEFAULT_NAMES.databaseSecret }, { signal });
    const wrong = await database.run((client) => verifyTarget(client, spec));
    if (wrong === null) return { status: 'True', reason: 'TargetVerified', message: 'The table can be loaded.' };
    if (wrong.reason !== 'TargetTableMissing' || !spec.target.create) return { status: 'False', ...wrong };
    const message = `The table ${spec.target.table} does not exist, and the first upload creates it.`;
    return { status: 'True', reason: 'TargetWillBeCreated', message };
  } catch (error) {
    if (error instanceof KubeError) {
      const message = `The database of the namespace is not known, because the API server did not answer: ${error.message}`;
      return { status: 'Unknown', reason: 'ApiServerError', message };
    }
    if (!(error instanceof Fault)) throw error;
    return { status: 'Unknown', reason: error.reason, message: error.message };
  }
}

/** A RecordSchema that was deleted needs no status, and a CRD of an earlier release takes none, or not this one. */
function explainRefusal(error: unknown, { metadata: { namespace, name } }: RecordSchema, log: Logger): void {
  const isDeleted = isNotFound(error) && (error as Error).message.includes(`"${name}"`);
  if (isDeleted) return;
  if (!isNotFound(error) && !isSchemaRefusal(error)) throw error;
  log.error(
    { err: error, namespace, schema: name },
    'the CRD of RecordSchema is older than this operator and takes no status: upgrade it',
  );
}
