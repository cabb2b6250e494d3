/**
 * A connection can be lost without a word: its packets vanish on the way, or a proxy keeps its own side open. The kernel
 * finds that out after a quarter of an hour, or never. A long silence alone proves nothing, since a session may wait
 * for a lock; so the server is asked, by another connection, what the session does there:
 *
 * | the server says                       | what it means                                  | the connection |
 * |---------------------------------------|------------------------------------------------|----------------|
 * | it works, or waits for something else | the answer will come                           | stays          |
 * | it waits for its client               | what we sent, or what it answered, is lost     | is given up    |
 * | there is no such session              | its end never came here                        | is given up    |
 * | refused: too many connections, …      | it is there, and cannot tell                   | stays          |
 * | nothing: it cannot be reached         | this connection cannot be better than that one | is given up    |
 */
import type pg from 'pg';
import type { Fault } from '#common/faults.ts';
import { disconnect, socketOf } from './postgres.ts';

export interface StallWatch {
  /** Milliseconds without a byte in either direction before the server is asked. */
  stallMs: number;
  /** Opens another connection of the same role; called only when it is needed. */
  openHelper: () => Promise<pg.Client>;
  /** Told what came of it: whether the server works for this session. */
  onAnswer: (served: boolean) => void;
}

/** Runs work that waits for this connection alone; it fails as with any lost connection when this one is given up. */
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
