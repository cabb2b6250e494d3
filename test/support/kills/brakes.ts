/**
 * Stops a pod at a named point without a hook in the product: triggers in the tests' own database wait for an advisory
 * lock, so the point is a fact of PostgreSQL (a COPY that has begun and cannot end, an audit row written and not committed).
 */
import type pg from 'pg';
import type { Cluster } from '#support/cluster/cluster.ts';
import { eventuallyTrue } from '#support/cluster/e2e.ts';

export interface Brake {
  /** The session that is stopped at the point now; `application` is `batch-upload/<uid>/<role>`. */
  standing(): Promise<Standing | undefined>;
  /** Waits until a session is stopped at the point. */
  reached(): Promise<Standing>;
  release(): Promise<void>;
}

export interface Standing {
  application: string;
  query: string;
}

export interface Brakes {
  /** Stops the pod in the middle of the COPY that writes this row. */
  inCopy(uploadId: string, rowNumber: number): Promise<Brake>;
  /** Stops the pod after everything of the chunk was written, just before its COMMIT. */
  beforeCommit(uploadId: string, chunkNumber: number): Promise<Brake>;
  /** Releases all brakes, and removes the triggers. */
  remove(): Promise<void>;
}

/** Makes the triggers on `table`, which must have batch_upload_id and row_number, and on the ledger's audit rows. */
export async function installBrakes(
  cluster: Pick<Cluster, 'connectDatabase'>,
  db: pg.Client,
  table: string,
): Promise<Brakes> {
  await db.query(`
    CREATE TABLE IF NOT EXISTS test_brakes (upload uuid, point text, number bigint, key bigint, PRIMARY KEY (upload, point, number));
    CREATE OR REPLACE FUNCTION test_brake_row() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE k bigint; BEGIN
      SELECT key INTO k FROM test_brakes WHERE upload = NEW.batch_upload_id AND point = 'row' AND number = NEW.row_number;
      IF FOUND THEN PERFORM pg_advisory_xact_lock_shared(k); END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE FUNCTION test_brake_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE k bigint; BEGIN
      SELECT key INTO k FROM test_brakes WHERE upload = NEW.batch_upload_id AND point = 'chunk' AND number = NEW.chunk_number;
      IF FOUND THEN PERFORM pg_advisory_xact_lock_shared(k); END IF;
      RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER test_brake BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION test_brake_row();
    CREATE OR REPLACE TRIGGER test_brake AFTER INSERT ON batch_upload.batch_upload_audit_logs
      FOR EACH ROW EXECUTE FUNCTION test_brake_chunk();`);

  const holders = new Set<pg.Client>();

  async function set(uploadId: string, point: 'row' | 'chunk', number: number): Promise<Brake> {
    const holder = await cluster.connectDatabase();
    holders.add(holder);
    holder.on('error', () => undefined);
    // The key is below 2^53, and is none of the product's own keys.
    const key = 7_000_000_000 + Math.floor(Math.random() * 1e9);
    await holder.query('SELECT pg_advisory_lock($1)', [key]);
    await holder.query('INSERT INTO test_brakes VALUES ($1, $2, $3, $4)', [uploadId, point, number, key]);
    const standing = async () =>
      (
        await db.query<Standing>(
          `SELECT a.application_name AS application, a.query FROM pg_locks l JOIN pg_stat_activity a USING (pid)
           WHERE l.locktype = 'advisory' AND NOT l.granted AND ((l.classid::bigint << 32) | l.objid::bigint) = $1`,
          [key],
        )
      ).rows[0];
    return {
      standing,
      async reached() {
        let found: Standing | undefined;
        await eventuallyTrue(async () => {
          found = await standing();
          return found !== undefined;
        }, `no session stands at ${point} ${number}`);
        return found!;
      },
      async release() {
        await db.query('DELETE FROM test_brakes WHERE key = $1', [key]);
        await holder.end();
        holders.delete(holder);
      },
    };
  }

  return {
    inCopy: (uploadId, rowNumber) => set(uploadId, 'row', rowNumber),
    beforeCommit: (uploadId, chunkNumber) => set(uploadId, 'chunk', chunkNumber),
    async remove() {
      // A test that failed leaves its brakes, and the sessions that they stop hold locks on the table.
      for (const holder of holders) await holder.end();
      await db.query(`DROP TRIGGER IF EXISTS test_brake ON ${table};
        DROP TRIGGER IF EXISTS test_brake ON batch_upload.batch_upload_audit_logs;
        DROP FUNCTION IF EXISTS test_brake_row; DROP FUNCTION IF EXISTS test_brake_chunk; DROP TABLE IF EXISTS test_brakes`);
    },
  };
}
