/** The size of Node's heap from a pod's memory limit. */

const UNITS: Record<string, number> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Bytes of a Kubernetes quantity such as `512Mi`; null when the quantity is not one that memory limits use. */
export function parseMemory(quantity: string | undefined): number | null {
  const match = /^(\d+\.?\d*|\.\d+)(|m|k|M|G|T|Ki|Mi|Gi|Ti|[eE][+-]?\d+)$/.exec(quantity ?? '');
  if (!match) return null;
  const [, amount, unit = ''] = match;
  return Number(amount) * (UNITS[unit] ?? Number(`1${unit}`));
}

/**
 * The old space in MiB: 60 % of the memory limit. The rest, 205 MiB of the chart's 512 MiB, is for memory outside of V8's
 * old space: a file that is kept (up to 48 MiB), the buffers of one group more than there are sessions (5, of about 10
 * MiB each), the filter of keys (up to 16 MiB), the young generation (6 MiB), code and stacks (about 50 MiB). A pod that
 * plans 41 MiB and loads them with four sessions has 191 MB at its peak, and 299 MB with chunks of 8 MiB.
 */
export function heapMegabytes(limit: string | undefined): number | null {
  const bytes = parseMemory(limit);
  return bytes === null ? null : Math.max(64, Math.floor((bytes * 0.6) / 2 ** 20));
}
