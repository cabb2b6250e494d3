/** Many uploads of ten records each, which are applied at once. */
import { findCondition } from '#api/conditions.ts';
import { type BatchUpload, isFinished } from './cluster.ts';
import type { E2e } from './e2e.ts';
import { itemsSchema, schemaManifest, uploadManifest } from './manifests.ts';

const RECORDS = 10;

export interface SmallUploads {
  /** The table of all of them, and the schema that they name. */
  readonly table: string;
  readonly schema: string;
  /** What `kubectl -l` finds them by. */
  readonly selector: string;
  apply(): Promise<void>;
  read(): Promise<BatchUpload[]>;
  /** Is every upload that is there finished, and are all of them there? */
  areFinished(): Promise<boolean>;
  /** The uploads that are complete with all of their records, and the rows and keys of the table. */
  count(): Promise<{ complete: number; rows: number; keys: number }>;
  /** The same of uploads that were all loaded once. */
  readonly expected: { complete: number; rows: number; keys: number };
}

/**
 * Makes the files of so many uploads, and their schema. The files of one name are the same again, so that uploads of
 * before can be applied anew.
 */
export async function putSmallUploads(
  { cluster, db, namespace }: E2e,
  schema: string,
  uploads: number,
): Promise<SmallUploads> {
  const table = schema.replaceAll('-', '_');
  const selector = `e2e.test/many=${schema}`;
  await cluster.apply(schemaManifest(namespace, schema, itemsSchema(table)));
  const manifests = Array.from({ length: uploads }, (_, at) => {
    const s3 = { bucket: cluster.env.S3_BUCKET, key: `e2e/${schema}/${at}.csv` };
    const manifest = uploadManifest(namespace, `${schema}-${at}`, {
      source: { type: 'Manual', s3 },
      schemaRef: { name: schema },
    }) as { metadata: object };
    return { ...manifest, metadata: { ...manifest.metadata, labels: { 'e2e.test/many': schema } } };
  });
  for (let at = 0; at < uploads; at += 1) {
    const lines = Array.from({ length: RECORDS }, (_, n) => `${at}-${n},v\n`);
    await cluster.putObject(`e2e/${schema}/${at}.csv`, `k,v\n${lines.join('')}`);
  }
  const read = async () => {
    const text = await cluster.kubectl('-n', namespace, 'get', 'batchuploads', '-l', selector, '-o', 'json');
    return (JSON.parse(text) as { items: BatchUpload[] }).items;
  };
  return {
    table,
    schema,
    selector,
    apply: async () => void (await cluster.apply(...manifests)),
    read,
    areFinished: async () => {
      const present = await read();
      return present.length === uploads && present.every(isFinished);
    },
    async count() {
      const complete = (await read()).filter(isCompleteWithAll).length;
      const { rows } = await db.query<{ rows: number; keys: number }>(
        `SELECT count(*)::int AS rows, count(DISTINCT k)::int AS keys FROM ${table}`,
      );
      return { complete, ...rows[0]! };
    },
    expected: { complete: uploads, rows: uploads * RECORDS, keys: uploads * RECORDS },
  };
}

/** Nothing of a file is loaded that was loaded before. A record of an upload that was deleted meanwhile is a duplicate. */
function isCompleteWithAll({ status }: BatchUpload): boolean {
  const { total, succeeded = 0, duplicate = 0 } = status?.records ?? {};
  const { reason, status: isComplete } = findCondition(status, 'Complete') ?? {};
  if (isComplete !== 'True') return false;
  return reason === 'AlreadyLoaded' ? total === 0 : total === RECORDS && succeeded + duplicate === RECORDS;
}
