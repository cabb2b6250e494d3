/** Processor time as Linux counts it, in ticks of 10 ms. */
import { readFile } from 'node:fs/promises';

/** `getconf CLK_TCK`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A server whose children never stay the same for the moment of a reading is read all the same. */
const MOST_TRIES = 1000;

interface Times {
  /** Seconds of the process itself. */
  own: number;
  /** Seconds of its descendants that have ended and were waited for, as getrusage(RUSAGE_CHILDREN) counts them. */
  children: number;
}

/**
 * Seconds of this process's children that have ended. Two readings differ by the seconds of the children that ended
 * between them.
 */
export async function readChildrenSeconds(): Promise<number> {
  return (await readTimes('self')).children;
}

/**
 * Seconds of a server, of its living children and of its children that have ended. A child that ends meanwhile would be
 * counted twice or not at all, and the reading is then repeated.
 */
export async function readServerSeconds(pid: number): Promise<number> {
  const listLiving = () => readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  for (let tries = 1; ; tries += 1) {
    const living = await listLiving();
    const pids = [String(pid), ...living.split(' ').filter(Boolean)];
    const all = await Promise.all(pids.map((each) => readTimes(each).catch(() => null)));
    const isWhole = !all.includes(null) && (await listLiving()) === living;
    if (isWhole || tries === MOST_TRIES) return all.reduce((sum, times) => sum + (times?.own ?? 0), all[0]!.children);
  }
}

/** Source: proc_pid_stat(5). The program's name stands in parentheses and may hold any character. */
async function readTimes(pid: string): Promise<Times> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number) as [number, number, number, number];
  return { own: (user + system) / TICKS_PER_SECOND, children: (childUser + childSystem) / TICKS_PER_SECOND };
}
