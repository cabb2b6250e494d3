/**
 * Accepts an upload in its database: migrates the ledger, verifies the target table and the rights that spec.target.protect
 * needs, then opens the row with the pinned schema. Every step can be repeated. A step that cannot go on returns an explanation instead of throwing.
 */
import type pg from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Fault } from '#common/faults.ts';
import type { BatchUpload } from '#kube/custom-resources.ts';
import type { Database } from '#ledger/client/database.ts';
import type { UploadRequest } from '#ledger/types.ts';
import { openUpload } from '#ledger/uploads/open-upload.ts';
import { noteProtect, protectLimits } from '#operator/jobs/protect-limits.ts';
import { type FindMigrator, prepareLedger } from '#operator/tenancy/prepare-ledger.ts';
import { checkProtect } from '#runner/protect/check-protect.ts';
import { prepareTarget } from '#runner/target/prepare-target.ts';

export interface AcceptInput {
  upload: BatchUpload;
  clusterId: string;
  schema: RecordSchemaSpec;
  database: Database;
  findMigrator: FindMigrator;
}

/** @returns null when the upload is accepted, else why not. @throws Fault of the database */
export async function acceptUpload(input: AcceptInput): Promise<UploadExplanation | null> {
  return (await shareChecks(input)) ?? (await input.database.run((client) => open(client, input)));
}

/** Uploads that arrive together share one look at their database and their table, which is no older than this, in ms. */
const SHARED_MS = 1_000;

interface Look {
  database: Database;
  protect: string;
  at: number;
  found: Promise<UploadExplanation | null>;
}

/** The last look for each schema, as it lies in the cache. */
const looks = new WeakMap<RecordSchemaSpec, Look>();

/** What somebody has to mend is looked at anew each time. */
async function shareChecks(input: AcceptInput): Promise<UploadExplanation | null> {
  const { schema, database, upload } = input;
  const protect = noteProtect(upload);
  const now = performance.now();
  const last = looks.get(schema);
  const isShared = last?.database === database && last.protect === protect && now - last.at < SHARED_MS;
  if (isShared) return last.found;
  const look: Look = { database, protect, at: now, found: check(input) };
  looks.set(schema, look);
  const forget = () => void (looks.get(schema) === look && looks.delete(schema));
  look.found.then((why) => why && forget(), forget);
  return look.found;
}

async function check(input: AcceptInput): Promise<UploadExplanation | null> {
  const { upload, database, schema } = input;
  return (
    (await prepareLedger(input)) ??
    (await database.run((client) => prepareTarget(client, schema))) ??
    (await database.run((client) => checkProtect(client, protectLimits(upload))))
  );
}

async function open(client: pg.ClientBase, { upload, clusterId, schema }: AcceptInput): Promise<null> {
  const { metadata, spec } = upload;
  await openUpload(client, {
    id: metadata.uid,
    clusterId,
    namespace: metadata.namespace,
    name: metadata.name,
    sourceType: spec.source.type,
    request: toRequest(upload),
    schema,
  });
  return null;
}

/** The part of the spec that the pods need, without any credential. */
export function toRequest({ spec }: BatchUpload): UploadRequest {
  const { credentialsSecretRef: _secret, ...s3 } = spec.source.s3;
  const { mode, reload, chunkRecords, errorPolicy, format, work } = spec;
  return {
    s3,
    mode,
    reload,
    chunkRecords,
    storeRowData: errorPolicy?.storeRowData ?? true,
    ...(format ? { format } : {}),
    ...(work ? { work } : {}),
    ...(spec.source.event ? { event: spec.source.event } : {}),
  };
}

/** A Fault as an explanation, when a user can mend its cause or the cause passes by itself; else null. */
export function explainFault(error: unknown): UploadExplanation | null {
  if (!(error instanceof Fault) || error.category === 'unknown') return null;
  return { reason: error.reason as UploadExplanation['reason'], message: error.message };
}
