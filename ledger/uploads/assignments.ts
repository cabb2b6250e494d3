/**
 * The uploads of the pools of warm pods. The operator assigns an upload to a pool, and one pod of the pool claims the upload. A
 * claim only divides the work: what is loaded is decided by the rows of chunks and by the fence, so that two pods that work for
 * one upload change no result.
 *
 * | state    | next                       | who changes the state                                            |
 * |----------|----------------------------|------------------------------------------------------------------|
 * | Waiting  | Claimed                    | a pod of the pool                                                |
 * | Waiting, Claimed | Returned           | the operator: the upload is suspended, or no pod of the pool works |
 * | Claimed  | Ended                      | the pod: the ledger has what became of the upload                |
 * | Claimed  | Waiting, Returned          | the pod, which stops or cannot go on; the operator, when the pod has ended |
 * | Ended, Returned | Waiting             | the operator, for another attempt                                |
 *
 * A returned upload gets a Job of its own.
 */
import type { ClientBase } from 'pg';

/** An upload that has cost so many pods gets a Job of its own. */
const MOST_LOST_PODS = 2;

export interface ClaimedUpload {
  id: string;
  attempt: number;
  /** Sessions for which a plan is made. */
  parallelism: number;
}

/** Assigns an upload, unless a pod has it. An upload that is assigned again keeps the number of its lost pods. */
export async function assignUpload(
  client: ClientBase,
  { id, attempt, pool, parallelism }: { id: string; attempt: number; pool: string; parallelism: number },
): Promise<void> {
  await client.query(
    `INSERT INTO batch_upload.batch_upload_assignments AS a (batch_upload_id, attempt, pool, parallelism)
     VALUES ($1, $2, $3, $4)
     ON CONFLICT (batch_upload_id) DO UPDATE
     SET attempt = $2, pool = $3, parallelism = $4, state = 'Waiting', pod = NULL, assigned_at = clock_timestamp(),
         lost_pods = CASE WHEN a.attempt = $2 THEN a.lost_pods ELSE 0 END
     WHERE a.attempt <> $2 OR a.state <> 'Claimed'`,
    [id, attempt, pool, parallelism],
  );
}

/**
 * Gives the upload that has waited for the longest to a pod; null where none waits. A pod that has an upload gets the same again:
 * the answer to its claim may have been lost.
 */
export async function claimUpload(
  client: ClientBase,
  { pool, pod }: { pool: string; pod: string },
): Promise<ClaimedUpload | null> {
  const result = await client.query<ClaimedUpload>(
    `UPDATE batch_upload.batch_upload_assignments SET state = 'Claimed', pod = $2
     WHERE batch_upload_id = (
       SELECT batch_upload_id FROM batch_upload.batch_upload_assignments
       WHERE pool = $1 AND (state = 'Waiting' OR state = 'Claimed' AND pod = $2)
       ORDER BY state, assigned_at LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING batch_upload_id AS id, attempt, parallelism`,
    [pool, pod],
  );
  return result.rows[0] ?? null;
}

export interface Claim {
  id: string;
  attempt: number;
  pod: string;
}

/** The ledger has what became of the upload, and the pod is free. */
export async function endClaim(client: ClientBase, claim: Claim): Promise<void> {
  await changeClaim(client, claim, "state = 'Ended'");
}

/** The file is not one for a pool. */
export async function returnClaim(client: ClientBase, claim: Claim): Promise<void> {
  await changeClaim(client, claim, "state = 'Returned'");
}

/** The pod is stopped, and another one goes on. */
export async function giveUpClaim(client: ClientBase, claim: Claim): Promise<void> {
  await changeClaim(client, claim, "state = 'Waiting'");
}

/** The pod has ended while it had the upload. */
export async function loseClaim(client: ClientBase, claim: Claim): Promise<void> {
  const state = `CASE WHEN lost_pods + 1 >= ${MOST_LOST_PODS} THEN 'Returned' ELSE 'Waiting' END`;
  await changeClaim(client, claim, `lost_pods = lost_pods + 1, state = ${state}`);
}

async function changeClaim(client: ClientBase, { id, attempt, pod }: Claim, change: string): Promise<void> {
  await client.query(
    `UPDATE batch_upload.batch_upload_assignments SET ${change}
     WHERE batch_upload_id = $1 AND attempt = $2 AND pod = $3 AND state = 'Claimed'`,
    [id, attempt, pod],
  );
}

/**
 * Takes an upload out of its pool. What a pod still does for it counts as long as the upload is open.
 * @param alsoClaimed an upload that a pod has, too
 * @returns the name of the pod that had the upload; null where none had
 */
export async function withdrawUpload(
  client: ClientBase,
  { id, attempt, alsoClaimed }: Omit<Claim, 'pod'> & { alsoClaimed: boolean },
): Promise<string | null> {
  const states = alsoClaimed ? ['Waiting', 'Claimed'] : ['Waiting'];
  const result = await client.query<{ state: string; pod: string | null }>(
    `WITH open AS (
       SELECT batch_upload_id, state, pod FROM batch_upload.batch_upload_assignments
       WHERE batch_upload_id = $1 AND attempt = $2 AND state = ANY($3) FOR UPDATE)
     UPDATE batch_upload.batch_upload_assignments a SET state = 'Returned'
     FROM open WHERE a.batch_upload_id = open.batch_upload_id RETURNING open.state, open.pod`,
    [id, attempt, states],
  );
  const [withdrawn] = result.rows;
  return withdrawn?.state === 'Claimed' ? withdrawn.pod : null;
}
