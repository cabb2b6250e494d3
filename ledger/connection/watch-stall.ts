/**
 * A connection can be lost without any notice: its packets vanish on the way, or a proxy keeps its own side open. Linux
 * notices that after a quarter of an hour, or never. A long silence alone proves nothing, since a session may wait for
 * a lock. Another connection therefore asks the server what the session does:
 *
 * | the server's answer                     | what the answer means                           | the connection |
 * |-----------------------------------------|-------------------------------------------------|----------------|
 * | the session works, or waits for a lock  | an answer will come                             | stays          |
 * | the session waits for its client        | our message, or the server's answer, is lost    | is given up    |
 * | there is no such session                | the news of the session's end is lost           | is given up    |
 * | refused: too many connections, …        | the server runs, but cannot say more            | stays          |
 * | none: the server cannot be reached      | the watched connection cannot be any better     | is given up    |
 */
import type pg from 'pg';
import type { Fault } from '#common/faults.ts';
import { disconnect, socketOf } from './postgres.ts';

export interface StallWatch {
  /** Milliseconds without a byte in either direction before the server is asked. */
  stallMs: number;
  /** Opens another connection of the same role. It is called only after a silence. */
  openHelper: () => Promise<pg.Client>;
  /** Called after each look. `served`: does the server work for this session? */
  onAnswer: (served: boolean) => void;
}

/**
 * Runs work that uses only this connection. When the connection is given up, the work fails as with any lost
 * connection.
 */
export async function withStallWatch<T>(client: pg.Client, watch: StallWatch, work: () => Promise<T>): Promise<T> {
  const socket = socketOf(client);
  let looking: Promise<void> = Promise.resolve();
  let working = true;
  const moved = () => socket.bytesRead + socket.bytesWritten;
  const look = async () => {
    const before = moved();
    const served = (await isServed(client, watch)) || moved() !== before;
    if (!working) return;
    watch.onAnswer(served);
    if (served) socket.setTimeout(watch.stallMs);
    else socket.destroy(new Error('Connection terminated: nothing has come for too long'));
  };
  const onSilence = () => {
    looking = look();
  };
  socket.on('timeout', onSilence);
  socket.setTimeout(watch.stallMs);
  try {
    return await work();
  } finally {
    working = false;
    socket.off('timeout', onSilence);
    await looking;
    socket.setTimeout(0);
  }
}

async function isServed(client: pg.Client, { openHelper }: StallWatch): Promise<boolean> {
  let helper: pg.Client;
  try {
    helper = await openHelper();
  } catch (error) {
    return (error as Fault).code !== 'DB_CONNECTION';
  }
  try {
    const { processID } = client as unknown as { processID: number };
    const { rowCount } = await helper.query(
      `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type IS DISTINCT FROM 'Client'`,
      [processID],
    );
    return rowCount === 1;
  } catch {
    return false;
  } finally {
    await disconnect(helper);
  }
}
