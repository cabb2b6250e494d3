/**
 * Says what the database holds the pods of an upload up with. Pure.
 *
 * | sessions of the pods wait for            | said             |
 * |------------------------------------------|------------------|
 * | nothing, or for one another              |                  |
 * | a lock of a session of somebody else     | SessionsWaiting  |
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
  const locks = waits.filter((wait) => wait.on === 'lock');
  if (locks.length === 0) return null;
  const sessions = locks.slice(0, NAMED).map(({ pid, role, application }) => {
    const who = [role && `role ${role}`, application && `application ${application}`].filter(Boolean).join(', ');
    return who ? `${pid} (${who})` : `${pid}`;
  });
  const more = locks.length > NAMED ? ` and ${locks.length - NAMED} more` : '';
  return {
    reason: 'SessionsWaiting',
    message: `The pods wait for locks in the database that other sessions hold: ${sessions.join(', ')}${more}. Let them commit, or end them: SELECT pg_terminate_backend(${locks[0]!.pid}). The upload then goes on by itself.`,
  };
}
