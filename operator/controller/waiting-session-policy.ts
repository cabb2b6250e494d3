/**
 * Says what the database holds the pods of an upload up with. Pure.
 *
 * | sessions of the pods wait for            | said             |
 * |------------------------------------------|------------------|
 * | nothing, or for one another              |                  |
 * | a lock of a session of somebody else     | SessionsWaiting  |
 * | a lock of a prepared transaction         | SessionsWaiting  |
 * | a synchronous standby                    | SessionsWaiting  |
 */
import type { UploadExplanation } from '#api/explanation.ts';
import type { SessionWait } from '#ledger/uploads/find-waits.ts';

/** So many sessions that hold locks are named. */
const NAMED = 3;

export function explainWaits(waits: readonly SessionWait[]): UploadExplanation | null {
  if (waits.some(({ on }) => on === 'standby')) {
    return {
      reason: 'SessionsWaiting',
      message:
        'The commits of the pods wait for a synchronous standby that does not answer. Start the standby, or take it out of synchronous_standby_names of the primary. The upload then goes on by itself.',
    };
  }
  const locks = [describeSessions(waits), describePrepared(waits)].filter((text) => text !== null);
  if (locks.length === 0) return null;
  return { reason: 'SessionsWaiting', message: `${locks.join(' ')} The upload then goes on by itself.` };
}

function describeSessions(waits: readonly SessionWait[]): string | null {
  const locks = waits.filter((wait) => wait.on === 'lock');
  if (locks.length === 0) return null;
  const sessions = locks.map(({ pid, role, application }) => {
    const who = [role && `role ${role}`, application && `application ${application}`].filter(Boolean).join(', ');
    return who ? `${pid} (${who})` : `${pid}`;
  });
  return `The pods wait for locks in the database that other sessions hold: ${listFirst(sessions)}. Let them commit, or end them: SELECT pg_terminate_backend(${locks[0]!.pid}).`;
}

/** Who has prepared a transaction knows whether it must be committed: its other parts may be in other databases. */
function describePrepared(waits: readonly SessionWait[]): string | null {
  const locks = waits.filter((wait) => wait.on === 'prepared');
  const [first] = locks;
  if (first === undefined) return null;
  const transactions = locks.map(({ gid, role, prepared }) => `${gid} (role ${role}, prepared ${prepared})`);
  return `The pods wait for locks in the database that prepared transactions hold, which no session ends: ${listFirst(transactions)}. Finish each in the same database, as its role or as a superuser: COMMIT PREPARED ${first.gid} where the transaction's other parts are committed, else ROLLBACK PREPARED ${first.gid}.`;
}

function listFirst(texts: readonly string[]): string {
  const more = texts.length > NAMED ? ` and ${texts.length - NAMED} more` : '';
  return `${texts.slice(0, NAMED).join(', ')}${more}`;
}
