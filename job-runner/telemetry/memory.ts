import { readFile } from 'node:fs/promises';

/** Where a container sees its own cgroup: version 2, version 1. */
const PEAK_FILES = ['/sys/fs/cgroup/memory.peak', '/sys/fs/cgroup/memory/memory.max_usage_in_bytes'];

/** Peak memory in bytes: of this process, and of its cgroup (with page cache) where there is one. */
export async function readPeakMemory(): Promise<{ peakRssBytes: number; cgroupPeakBytes: number | null }> {
  let cgroupPeakBytes: number | null = null;
  for (const file of PEAK_FILES) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) {
      cgroupPeakBytes = Number(text);
      break;
    }
  }
  return { peakRssBytes: process.resourceUsage().maxRSS * 1024, cgroupPeakBytes };
}
