/** Processor time as Linux counts it, in ticks of 10 ms. */
import { readFile } from 'node:fs/promises';

/** `getconf CLK_TCK`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Times {
  /** Of the process itself. */
  own: number;
  /** Of its children that have ended and were waited for, and theirs: what getrusage(RUSAGE_CHILDREN) gives. */
  children: number;
}

/** Seconds of this process's children that have ended: the difference of two is what those between them took. */
export async function readChildrenSeconds(): Promise<number> {
  return (await readTimes('self')).children;
}

/** Seconds of a server, of its children that live and of those that have ended. */
export async function readServerSeconds(pid: number): Promise<number> {
  const live = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean);
  const all = await Promise.all([String(pid), ...live].map((each) => readTimes(each).catch(() => null)));
  const { children } = all[0]!;
  return all.reduce((sum, times) => sum + (times?.own ?? 0), children);
}

/** Source: proc_pid_stat(5); the name of the program, in parentheses, may hold anything. */
async function readTimes(pid: string): Promise<Times> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number) as [number, number, number, number];
  return { own: (user + system) / TICKS_PER_SECOND, children: (childUser + childSystem) / TICKS_PER_SECOND };
}
