/** A proxy between the job runner and a real S3 server that refuses some requests, as an overloaded storage does. */
import { startFaultyProxy } from '#support/network/faulty-proxy.ts';

export interface Refusal {
  status: number;
  /** S3's name of the error; absent: the answer has no body, like that of a load balancer. */
  code?: string;
}

export interface FailingStorage extends AsyncDisposable {
  port: number;
  /** The next requests with this method get these refusals, one each. Later requests are passed on again. */
  refuse(method: 'HEAD' | 'GET', refusals: readonly Refusal[]): void;
  /** The number of refused requests. */
  readonly refused: number;
}

export async function startFailingStorage(upstreamPort: number): Promise<FailingStorage> {
  const waiting: Record<string, Refusal[]> = {};
  let refused = 0;
  const proxy = await startFaultyProxy(`http://127.0.0.1:${upstreamPort}`, ({ method }) => {
    const refusal = waiting[method!]?.shift();
    if (!refusal) return null;
    refused += 1;
    const { status, code } = refusal;
    return { status, ...(code && method !== 'HEAD' ? { body: `<Error><Code>${code}</Code></Error>` } : {}) };
  });
  return {
    port: Number(new URL(proxy.endpoint).port),
    refuse(method, refusals) {
      waiting[method] = [...refusals];
    },
    get refused() {
      return refused;
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
