/** Pure functions on a Lease (`coordination.k8s.io/v1`): what it says, and what a candidate may conclude from it. */
import type { Lease } from './resource-types.ts';

/**
 * The API's format `MicroTime` has exactly six digits of a second; the API server refuses the three of `toISOString`.
 */
export function toMicroTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}

/** A lease in its last state that one candidate saw. */
export interface ObservedLease {
  lease: Lease;
  /** The lease's spec as JSON: a change of the spec is a sign of life of the holder, a change of annotations is not. */
  content: string;
  /** Local monotonic time of the first answer with this content, so never before the holder wrote it. */
  at: number;
}

/** Remote times are never compared with ours: only the time in which we saw no change counts. */
export function observeLease(lease: Lease, previous: ObservedLease | undefined, monotonic: number): ObservedLease {
  const content = JSON.stringify(lease.spec ?? {});
  return { lease, content, at: content === previous?.content ? previous.at : monotonic };
}

export const holderOf = (lease: Lease): string => lease.spec?.holderIdentity ?? '';

/** True while the lease's holder may still believe that it leads. */
export function isHeld({ lease, at }: ObservedLease, monotonic: number, defaultDurationMs: number): boolean {
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

/** The lease with `identity` as its holder: renewed if `identity` held it before, else taken over. */
export function claimed(lease: Lease, { identity, durationMs, now }: Claim): Lease {
  const { spec = {} } = lease;
  const time = toMicroTime(now);
  const renewed = { ...spec, holderIdentity: identity, leaseDurationSeconds: durationMs / 1000, renewTime: time };
  if (holderOf(lease) === identity) return { ...lease, spec: renewed };
  return { ...lease, spec: { ...renewed, acquireTime: time, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 } };
}

/** The lease without a holder, so that the next candidate need not wait. */
export function released(lease: Lease, now: number): Lease {
  const time = toMicroTime(now);
  return {
    ...lease,
    spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time },
  };
}
