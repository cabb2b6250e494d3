import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const READ_MS = 50;

/** Linux keeps the peak itself, so that only what comes in the process's last moment is missed. @returns bytes, when the process has ended */
export async function watchPeak(pid: number): Promise<number> {
  for (let peakBytes = 0; ; ) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (!kib) return peakBytes;
    peakBytes = Number(kib) * 1024;
    await sleep(READ_MS);
  }
}
