/**
 * Leader election on a Lease. There are never two leaders: the holder counts from the moment before it sent its last
 * successful renewal, and stops after `renewDeadlineMs`; the others count from the moment when they saw that renewal,
 * and wait `leaseDurationMs`, which is longer. Each process uses its own monotonic clock only, and every write names
 * the version that it replaces.
 *
 * Two cases remain. A process that was frozen finds out when it wakes, so a call that it had begun may go out late; and
 * a lease that a person deletes is free at once. In both cases the names of Jobs and the ledger's fence prevent harm.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, jitter, sleep, systemClock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import { claimed, holderOf, isHeld, type ObservedLease, observeLease, released } from './lease-record.ts';
import { LEASES, type Lease } from './resource-types.ts';
import type { KubeClient, LeaderElector } from './types.ts';

export interface LeaderElectorDeps {
  /** Nothing else may use this client, because other requests on its connections would delay a renewal. */
  client: Pick<KubeClient, 'find' | 'create' | 'replace'>;
  namespace: string;
  name: string;
  /** Unique for each process; see {@link processIdentity}. */
  identity: string;
  log: Logger;
  clock?: Clock;
  random?: () => number;
  /** Whole seconds; 15 s when absent. */
  leaseDurationMs?: number;
  /** 10 s when absent. */
  renewDeadlineMs?: number;
  /** 2 s when absent. */
  retryPeriodMs?: number;
  /** Does the leader's work, and ends soon after `signal` aborts. If the work ends by itself, the lease is released. */
  onStartedLeading: (signal: AbortSignal) => Promise<void>;
  /** The process must exit in this callback. */
  onLost: (reason: string) => void;
  /** Called for every new holder, this process included; the identity is empty when nobody holds the lease. */
  onLeader?: (identity: string) => void;
}

/** A restarted container has the pod name of its predecessor, and must not take the predecessor's lease for its own. */
export function processIdentity(podName: string): string {
  return `${podName}_${randomUUID()}`;
}

export function createLeaderElector(deps: LeaderElectorDeps): LeaderElector {
  return new LeaseElector(deps);
}

/**
 * | state | `#validUntil` | next |
 * |---|---|---|
 * | candidate | 0 | leading, when this process took the lease |
 * | leading | last renewal + renewDeadline | lost, when that time passes or another holds the lease; released, when the work ended |
 * | lost, released | 0 | none |
 */
class LeaseElector implements LeaderElector {
  readonly #deps: LeaderElectorDeps;
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #deadlineMs: number;
  readonly #retryMs: number;
  #observed: ObservedLease | undefined;
  #leader = '';
  #validUntil = 0;

  constructor(deps: LeaderElectorDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    this.#durationMs = deps.leaseDurationMs ?? 15_000;
    this.#deadlineMs = deps.renewDeadlineMs ?? 10_000;
    this.#retryMs = deps.retryPeriodMs ?? 2_000;
    const ordered = this.#durationMs > this.#deadlineMs && this.#deadlineMs > this.#retryMs * 1.2;
    if (!ordered || this.#durationMs % 1000 !== 0) {
      throw new RangeError('a lease needs leaseDuration > renewDeadline > 1.2 retryPeriod, in whole seconds');
    }
  }

  get isLeader(): boolean {
    return this.#clock.monotonic() < this.#validUntil;
  }

  get leader(): string {
    return this.#leader;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, identity, random } = this.#deps;
    while (!signal.aborted) {
      const sentAt = this.#clock.monotonic();
      const acquired = await this.#acquire(signal).catch((err) => {
        if (!signal.aborted) log.warn({ err, identity }, 'cannot read or take the lease');
        return false;
      });
      this.#validUntil = acquired ? sentAt + this.#deadlineMs : 0;
      // The lease may have expired again before the answer came, so the clock decides.
      if (this.isLeader) {
        log.info({ identity }, 'leading');
        return this.#lead(signal);
      }
      await sleep(this.#clock, jitter(this.#retryMs, 0.2, random), signal);
    }
  }

  /** Resolves when the work has ended or the lease is lost. */
  async #lead(signal: AbortSignal): Promise<void> {
    const { onStartedLeading, onLost, log } = this.#deps;
    const leading = new AbortController();
    const ended = new AbortController();
    const stop = () => leading.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const lost = Promise.withResolvers<string>();
    // The watchdog is no part of the renewing loop, because that loop may hang in a call.
    let cancelWatchdog = () => {};
    const watch = () => {
      cancelWatchdog();
      const late = () => lost.resolve(`not renewed for ${this.#deadlineMs} ms`);
      cancelWatchdog = this.#clock.schedule(this.#validUntil - this.#clock.monotonic(), late);
    };
    watch();
    let failure: unknown;
    const work = (async () => onStartedLeading(leading.signal))().catch((err) => {
      failure = err;
    });
    const renewing = this.#renew(ended.signal, watch, lost.resolve);
    const reason = await Promise.race([lost.promise, work.then(() => undefined)]);
    cancelWatchdog();
    signal.removeEventListener('abort', stop);
    ended.abort();
    if (reason !== undefined) {
      this.#validUntil = 0;
      leading.abort(new Error(`lost the lease: ${reason}`));
      log.error({ reason, leader: this.#leader }, 'lost the lease');
      onLost(reason);
      return;
    }
    await renewing;
    await this.#release();
    if (failure !== undefined) throw failure;
  }

  async #renew(signal: AbortSignal, renewed: () => void, lost: (reason: string) => void): Promise<void> {
    const { log, random } = this.#deps;
    for (;;) {
      await sleep(this.#clock, jitter(this.#retryMs, 0.2, random), signal);
      if (signal.aborted) return;
      const sentAt = this.#clock.monotonic();
      try {
        const held = await this.#extend(signal);
        if (signal.aborted) return;
        if (!held) return lost(`held by ${this.#leader || 'nobody'}`);
        this.#validUntil = sentAt + this.#deadlineMs;
        renewed();
      } catch (err) {
        if (signal.aborted) return;
        log.warn({ err, leftMs: this.#validUntil - this.#clock.monotonic() }, 'cannot renew the lease');
      }
    }
  }

  /** Tries once to take the lease. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const observed = await this.#read(signal);
    if (observed === undefined) return this.#create(signal);
    const { identity } = this.#deps;
    const held = isHeld(observed, this.#clock.monotonic(), this.#durationMs);
    if (held && holderOf(observed.lease) !== identity) return false;
    try {
      await this.#write(observed.lease, signal);
      return true;
    } catch (err) {
      if (isConflict(err)) return false;
      throw err;
    }
  }

  /** Renews the lease once. Throws when the outcome is not known. */
  async #extend(signal: AbortSignal): Promise<boolean> {
    if (this.#observed !== undefined) {
      try {
        await this.#write(this.#observed.lease, signal);
        return true;
      } catch (err) {
        // The lease was deleted, or was changed by another process, a person, or our own renewal whose answer was lost.
        if (!isConflict(err) && !isNotFound(err)) throw err;
      }
    }
    const observed = await this.#read(signal);
    if (observed === undefined) return this.#create(signal);
    if (holderOf(observed.lease) !== this.#deps.identity) return false;
    await this.#write(observed.lease, signal);
    return true;
  }

  async #read(signal: AbortSignal | undefined): Promise<ObservedLease | undefined> {
    const { client, name, namespace } = this.#deps;
    const lease = await client.find(LEASES, { name, namespace }, this.#callOptions(signal));
    if (lease === undefined) this.#observed = undefined;
    else this.#note(lease);
    return this.#observed;
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    const { client, name, namespace, identity } = this.#deps;
    const claim = { identity, durationMs: this.#durationMs, now: this.#clock.now() };
    const { spec } = claimed({}, claim);
    const lease: Lease = { metadata: { name, namespace }, spec: { ...spec, leaseTransitions: 0 } };
    try {
      this.#note(await client.create(LEASES, lease, this.#callOptions(signal)));
      return true;
    } catch (err) {
      if (isAlreadyExists(err)) return false;
      throw err;
    }
  }

  async #write(lease: Lease, signal: AbortSignal): Promise<void> {
    const { client, identity } = this.#deps;
    const claim = { identity, durationMs: this.#durationMs, now: this.#clock.now() };
    this.#note(await client.replace(LEASES, claimed(lease, claim), this.#callOptions(signal)));
  }

  async #release(): Promise<void> {
    const { client, log, identity } = this.#deps;
    const held = this.isLeader;
    // Another process may lead as soon as the server has the release.
    this.#validUntil = 0;
    if (!held) return;
    const options = this.#callOptions(undefined);
    const free = async (lease: Lease | undefined) => {
      if (lease === undefined || holderOf(lease) !== identity) return;
      this.#note(await client.replace(LEASES, released(lease, this.#clock.now()), options));
    };
    try {
      await free(this.#observed?.lease).catch(async (err) => {
        // The last renewal was cut off by the end of the work, and had reached the server.
        if (!isConflict(err)) throw err;
        await free((await this.#read(undefined))?.lease);
      });
      log.info({ identity }, 'released the lease');
    } catch (err) {
      log.warn({ err, identity }, 'cannot release the lease; the next leader waits until it expires');
    }
  }

  #note(lease: Lease): void {
    this.#observed = observeLease(lease, this.#observed, this.#clock.monotonic());
    const holder = holderOf(lease);
    if (holder === this.#leader) return;
    this.#leader = holder;
    this.#deps.onLeader?.(holder);
  }

  /** The timeout lets two tries fit into the deadline. */
  #callOptions(signal: AbortSignal | undefined) {
    return { signal, timeoutMs: Math.ceil(this.#deadlineMs / 2) };
  }
}
