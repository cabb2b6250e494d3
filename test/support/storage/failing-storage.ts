/** Between the job runner and a real S3 server: answers some requests itself, as an overloaded storage does. */
import { startFaultyProxy } from '#support/network/faulty-proxy.ts';

export interface Refusal {
  status: number;
  /** S3's name for it; absent: an answer without a body, as of a load balancer. */
  code?: string;
}

export interface FailingStorage extends AsyncDisposable {
  port: number;
  /** The next requests by this method are answered so, one each, before any is passed on again. */
  refuse(method: 'HEAD' | 'GET', refusals: readonly Refusal[]): void;
  /** How many were. */
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
