/**
 * The Lease API in memory: versions, conflicts, and a network that can fail before or after the server has done what
 * the request asks. Time passes on the test's clock.
 */
import type { Clock } from '#common/clock.ts';
import { KubeError } from '#kube/errors.ts';
import type { Lease } from '#kube/resource-types.ts';
import type { CallOptions, KubeClient, KubeObject, ObjectRef, ResourceType } from '#kube/types.ts';

/** What happens to one call: how long request and answer take, and whether one of them is lost. */
export interface CallFate {
  requestMs?: number;
  answerMs?: number;
  lost?: 'request' | 'answer';
}

export type LeaseClient = Pick<KubeClient, 'find' | 'create' | 'replace'>;

export class FakeLeaseApi {
  lease: Lease | undefined;
  writes = 0;
  readonly #clock: Clock;
  #version = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Creates a client whose calls get the fates that `fate` draws; without `fate` all calls succeed. */
  client(fate: () => CallFate = () => ({})): LeaseClient {
    const call = async <R>(options: CallOptions | undefined, act: () => R): Promise<R> => {
      const { requestMs = 0, answerMs = 0, lost } = fate();
      const startedAt = this.#clock.monotonic();
      const timeoutMs = options?.timeoutMs ?? 30_000;
      const wait = (ms: number) => this.#wait(Math.min(ms, timeoutMs - (this.#clock.monotonic() - startedAt)), options);
      if (lost === 'request') {
        await wait(timeoutMs);
        throw timeout();
      }
      // The server carries out a late request even if nobody waits for its answer any more.
      const acted = Promise.withResolvers<R>();
      acted.promise.catch(() => {});
      const deliver = () => {
        try {
          acted.resolve(act());
        } catch (error) {
          acted.reject(error);
        }
      };
      if (requestMs > 0) this.#clock.schedule(requestMs, deliver);
      else deliver();
      await wait(requestMs);
      if (requestMs >= timeoutMs) throw timeout();
      if (lost === 'answer') {
        await wait(timeoutMs);
        throw timeout();
      }
      await wait(answerMs);
      if (requestMs + answerMs >= timeoutMs) throw timeout();
      return acted.promise;
    };
    return {
      find: (<T extends KubeObject>(_type: ResourceType<T>, _ref: ObjectRef, options?: CallOptions) =>
        call(options, () => structuredClone(this.lease))) as unknown as LeaseClient['find'],
      create: (<T extends KubeObject>(_type: ResourceType<T>, object: T, options?: CallOptions) =>
        call(options, () => {
          if (this.lease !== undefined) {
            throw new KubeError({ status: 409, reason: 'AlreadyExists', message: 'create leases: already exists' });
          }
          return this.#store(object);
        })) as LeaseClient['create'],
      replace: <T extends KubeObject>(_type: ResourceType<T>, object: T, options?: CallOptions) =>
        call(options, () => {
          if (this.lease === undefined) throw new KubeError({ status: 404, reason: 'NotFound', message: 'not found' });
          if (object.metadata?.resourceVersion !== this.lease.metadata?.resourceVersion) {
            throw new KubeError({ status: 409, reason: 'Conflict', message: 'replace leases: modified' });
          }
          return this.#store(object);
        }),
    };
  }

  #store<T extends KubeObject>(object: T): T {
    this.writes++;
    const stored = structuredClone(object);
    stored.metadata = { ...stored.metadata, resourceVersion: String(++this.#version) };
    this.lease = stored as Lease;
    return structuredClone(stored);
  }

  async #wait(ms: number, options: CallOptions | undefined): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) throw signal.reason;
    if (ms <= 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.#clock.schedule(ms, resolve);
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

const timeout = () => new KubeError({ status: 0, reason: 'Timeout', message: 'no answer' });
