/**
 * Checks the parts of a target, which are the table itself and its partitions: that a row is in them for good as soon as
 * the load's own transaction has committed, and that rows of them may be replaced.
 */
import type { ClientBase } from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { notSupported } from './check-behaviour.ts';
import { replacesRows } from './names.ts';
import { IS_UNIQUE_KEY } from './unique-index.ts';

/** A part on which a load cannot rely. The names are quoted. */
export interface TargetPart {
  name: string;
  /** The table of which the part is a partition; null for the target itself. */
  parent: string | null;
  /** Is a row not safe in the part once the transaction of a load has committed? */
  unsafe: 'unlogged' | 'foreign' | null;
  /** A publication because of which PostgreSQL refuses each UPDATE of the part, which lacks a replica identity. */
  publication: string | null;
  /** A unique index that can be the replica identity. */
  identity: string | null;
}

/** A message names no more parts than this: a table may have thousands of partitions. */
const NAMED_PARTS_MAX = 10;

/** Pure. @returns null when a committed row stays, and is stored once, whichever part the row belongs to. */
export function checkSafety({ target }: RecordSchemaSpec, parts: readonly TargetPart[]): UploadExplanation | null {
  const [foreign] = parts.filter(({ unsafe }) => unsafe === 'foreign');
  if (foreign) {
    return notSupported(
      `The partition ${foreign.name} of the table ${target.table} is a foreign table. The other server commits by itself, so that rows could be stored there twice after a failure. Name a table without foreign partitions in spec.target.table of the RecordSchema, load on the other server, or run: ALTER TABLE ${foreign.parent} DETACH PARTITION ${foreign.name};`,
    );
  }
  const unlogged = parts.filter(({ unsafe }) => unsafe === 'unlogged');
  if (unlogged.length === 0) return null;
  return notSupported(
    `${nameOf(unlogged[0]!, target.table)} is UNLOGGED. A crash of the server empties such a table while the ledger keeps what was loaded, so that these rows would be missing from a complete upload. Run: ${forEach(unlogged, ({ name }) => `ALTER TABLE ${name} SET LOGGED`)}`,
  );
}

/** Pure. @returns null when PostgreSQL does not refuse an UPDATE of the table because of a publication. */
export function checkReplicaIdentity(schema: RecordSchemaSpec, parts: readonly TargetPart[]): UploadExplanation | null {
  const refused = parts.filter(({ publication }) => publication !== null);
  if (refused.length === 0) return null;
  const sql = forEach(
    refused,
    ({ name, identity }) =>
      `ALTER TABLE ${name} REPLICA IDENTITY ${identity === null ? 'FULL' : `USING INDEX ${identity}`}`,
  );
  return notSupported(
    `${nameOf(refused[0]!, schema.target.table)} has no replica identity, and the publication ${refused[0]!.publication} publishes its updates. PostgreSQL refuses to replace a row of such a table. Run as its owner: ${sql}`,
  );
}

function nameOf({ name, parent }: TargetPart, table: string): string {
  return parent === null ? `The table ${table}` : `The partition ${name} of the table ${table}`;
}

function forEach(parts: readonly TargetPart[], sql: (part: TargetPart) => string): string {
  const statements = parts.slice(0, NAMED_PARTS_MAX).map(sql).join('; ');
  const more = parts.length - NAMED_PARTS_MAX;
  return more > 0 ? `${statements}; and the same for ${more} more partitions.` : `${statements};`;
}

/** The table $1 and its partitions, of every level. pg_partition_tree() would lock each of them. */
const PARTS = `WITH RECURSIVE parts AS (
    SELECT oid, NULL::oid AS parent, relkind, relpersistence, relreplident FROM pg_class WHERE oid = $1
    UNION ALL
    SELECT c.oid, p.oid, c.relkind, c.relpersistence, c.relreplident FROM parts p
    JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition)`;

/** A partitioned table itself stores no rows, and PostgreSQL before 18 lets it be UNLOGGED without a meaning. */
const UNSAFE = `CASE WHEN relkind = 'f' THEN 'foreign' WHEN relkind = 'r' AND relpersistence = 'u' THEN 'unlogged' END`;

/** Is the part `p` without a replica identity? A primary key that can be deferred is none. */
const LACKS_IDENTITY = `p.relkind = 'r' AND p.relreplident <> 'f' AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = p.oid AND i.indisvalid AND i.indimmediate
      AND CASE p.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)`;

/** An index of the part `p` that PostgreSQL takes for the replica identity. */
const IDENTITY = `SELECT quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = p.oid AND ${IS_UNIQUE_KEY} AND i.indimmediate AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = p.oid AND NOT a.attnotnull
          AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
    ORDER BY i.indisprimary DESC, i.indnkeyatts, x.relname LIMIT 1`;

/** A partition is also published with each table above it. PostgreSQL 14 publishes no whole schemas. */
const publicationOf = (publishesSchemas: boolean) => `SELECT min(b.pubname::text) FROM pg_publication b
    WHERE b.pubupdate AND (b.puballtables OR EXISTS (
      SELECT FROM pg_class c
      WHERE c.oid = ANY (ARRAY(SELECT p.oid UNION ALL SELECT relid FROM pg_partition_ancestors(p.oid)))
        AND (c.oid IN (SELECT prrelid FROM pg_publication_rel WHERE prpubid = b.oid)
          ${publishesSchemas ? 'OR c.relnamespace IN (SELECT pnnspid FROM pg_publication_namespace WHERE pnpubid = b.oid)' : ''})))`;

/** @returns the parts on which a load by this schema cannot rely. */
export async function readParts(client: ClientBase, oid: number, schema: RecordSchemaSpec): Promise<TargetPart[]> {
  const version = await client.query<{ number: number }>("SELECT current_setting('server_version_num')::int AS number");
  const { rows } = await client.query<TargetPart>(
    `${PARTS}, found AS (
       SELECT p.oid, p.parent, ${UNSAFE} AS unsafe,
         CASE WHEN $2 AND ${LACKS_IDENTITY} THEN (${publicationOf(version.rows[0]!.number >= 150_000)}) END AS publication,
         (${IDENTITY}) AS identity
       FROM parts p)
     SELECT oid::regclass::text AS name, parent::regclass::text AS parent, unsafe, publication, identity
     FROM found WHERE unsafe IS NOT NULL OR publication IS NOT NULL ORDER BY 1`,
    [oid, replacesRows(schema)],
  );
  return rows;
}
