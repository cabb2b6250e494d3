/** Processor time as Linux counts it, in ticks of 10 ms. */
import { readFile } from 'node:fs/promises';

/** `getconf CLK_TCK`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

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

/** Seconds of a server, of its living children and of its children that have ended. */
export async function readServerSeconds(pid: number): Promise<number> {
  const live = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean);
  const all = await Promise.all([String(pid), ...live].map((each) => readTimes(each).catch(() => null)));
  const { children } = all[0]!;
  return all.reduce((sum, times) => sum + (times?.own ?? 0), children);
}

/** Source: proc_pid_stat(5). The program's name stands in parentheses and may hold any character. */
async function readTimes(pid: string): Promise<Times> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number) as [number, number, number, number];
  return { own: (user + system) / TICKS_PER_SECOND, children: (childUser + childSystem) / TICKS_PER_SECOND };
}
