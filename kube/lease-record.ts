/** What a `coordination.k8s.io/v1` Lease says, and what a candidate may conclude from it (pure). */
import type { Lease } from './resource-types.ts';

/**
 * `MicroTime` of the API: exactly six digits of a second. The API server refuses the three that `toISOString` gives.
 */
export function toMicroTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}

/** A lease as one candidate saw it change last. */
export interface Observation {
  lease: Lease;
  /** Its content; a change of it is a sign of life of its holder. Annotating a lease is none. */
  content: string;
  /** Local monotonic time of the answer in which it was first seen, so never before it was written. */
  at: number;
}

/** Remote times are never compared with ours: what counts is how long we have seen no change. */
export function observe(lease: Lease, previous: Observation | undefined, monotonic: number): Observation {
  const content = JSON.stringify(lease.spec ?? {});
  return { lease, content, at: content === previous?.content ? previous.at : monotonic };
}

export const holderOf = (lease: Lease): string => lease.spec?.holderIdentity ?? '';

/** True while its holder may still believe that it leads. */
export function isHeld({ lease, at }: Observation, monotonic: number, defaultDurationMs: number): boolean {
  if (holderOf(lease) === '') return false;
  const seconds = lease.spec?.leaseDurationSeconds;
  return monotonic < at + (seconds === undefined ? defaultDurationMs : seconds * 1000);
}

export interface Claim {
  identity: string;
  durationMs: number;
  /** Wall clock, for people only. */
  now: number;
}

/** The lease with `identity` as holder: taken over, or renewed when it was the holder already. */
export function claimed(lease: Lease, { identity, durationMs, now }: Claim): Lease {
  const { spec = {} } = lease;
  const time = toMicroTime(now);
  const renewed = { ...spec, holderIdentity: identity, leaseDurationSeconds: durationMs / 1000, renewTime: time };
  if (holderOf(lease) === identity) return { ...lease, spec: renewed };
  return { ...lease, spec: { ...renewed, acquireTime: time, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 } };
}

/** The lease with nobody as holder, so that the next candidate need not wait. */
export function released(lease: Lease, now: number): Lease {
  const time = toMicroTime(now);
  return {
    ...lease,
    spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time },
  };
}
