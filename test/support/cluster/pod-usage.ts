/** Reads CPU time and memory of a pod from its own cgroup (version 1 or 2), and memory of its process. */

import { bridgePod } from '#support/bridge/sources.ts';
import { SYSTEM } from '#support/kills/operator-kills.ts';
import type { E2e } from './e2e.ts';

export interface PodUsage {
  pod: string;
  cpuSeconds: number;
  memoryMb: number;
  peakMb: number;
  rssMb: number;
}

const SCRIPT = `cd /sys/fs/cgroup
  if [ -e cpu.stat ]; then awk '/^usage_usec/ { print $2 * 1000 }' cpu.stat; cat memory.current memory.peak
  else cat cpuacct/cpuacct.usage memory/memory.usage_in_bytes memory/memory.max_usage_in_bytes; fi
  awk '/^VmRSS/ { print $2 * 1024 }' /proc/1/status`;

/** @param pod by name, in the operator's namespace; the bridge's pod when absent */
export async function podUsage(e2e: E2e, pod?: string): Promise<PodUsage> {
  return readUsage(e2e, pod ?? (await bridgePod(e2e))!.metadata.name);
}

async function readUsage(e2e: E2e, pod: string): Promise<PodUsage> {
  const text = await e2e.cluster.kubectl(...SYSTEM, 'exec', pod, '--', 'sh', '-c', SCRIPT);
  const [nanoseconds, memory, peak, rss] = text.trim().split('\n').map(Number) as [number, number, number, number];
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  return { pod, cpuSeconds: nanoseconds / 1e9, memoryMb: mb(memory), peakMb: mb(peak), rssMb: mb(rss) };
}
