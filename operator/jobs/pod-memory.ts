/** Kubernetes memory quantities, as far as the size of Node's heap needs them. */

const UNITS: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Bytes of a quantity such as `512Mi`; null when it is none that a pod's memory limit would have. */
export function parseMemory(quantity: string | undefined): number | null {
  const match = /^(\d+(?:\.\d+)?)(|k|M|G|Ki|Mi|Gi)$/.exec(quantity ?? '');
  return match ? Number(match[1]) * UNITS[match[2]!]! : null;
}

/**
 * Old space in MiB for a memory limit: 60 % of it. The rest is for what is outside of V8's heap: buffers of the file and
 * of COPY (up to three chunks of 8 MiB), the young generation (48 MiB), code and stacks.
 */
export function heapMegabytes(limit: string | undefined): number | null {
  const bytes = parseMemory(limit);
  return bytes === null ? null : Math.max(64, Math.floor((bytes * 0.6) / 2 ** 20));
}
