import { readFile } from 'node:fs/promises';

/** The files where a container sees its own cgroup's peak: version 2, version 1. */
const PEAK_FILES = ['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'];

/** Reads the peak memory in bytes of this process, and of its cgroup (with page cache) where there is one. */
export async function readPeakMemory(): Promise<{ peakRssBytes: number; cgroupPeakBytes: number | null }> {
  let cgroupPeakBytes: number | null = null;
  for (const file of PEAK_FILES) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) {
      cgroupPeakBytes = Number(text);
      break;
    }
  }
  return { peakRssBytes: await readPeakRss(), cgroupPeakBytes };
}

/** Reads Linux's VmHWM, which counts this program alone: getrusage() starts with the memory of the parent process. */
async function readPeakRss(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kib) * 1024;
}
