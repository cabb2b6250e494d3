/** Puts bytes into the storage, with progress, until the storage has answered. */

import type { SignedPut } from './gateway-files.ts';
import { retryMs, type Wait } from './until-answered.ts';

export interface PutAnswer {
  /** 0: the connection was lost, or nothing went on for a while. */
  status: number;
  eTag: string | null;
  /** The storage's word for what is wrong, such as `BadDigest`; null when it said none. */
  code: string | null;
}

/** Sends one PUT. @throws the signal's reason */
export type PutOnce = (
  put: SignedPut,
  body: Blob,
  events: { onProgress(sentBytes: number): void; signal: AbortSignal },
) => Promise<PutAnswer>;

/** The answer of a storage that will not take the bytes, whenever they are sent. */
export class PutRefused extends Error {
  override readonly name = 'PutRefused';
  readonly status: number;
  readonly code: string | null;

  constructor({ status, code }: PutAnswer) {
    super(`The storage answered ${status}${code === null ? '' : ` ${code}`}.`);
    this.status = status;
    this.code = code;
  }

  /** The time of the signature is over, or the clocks differ: another signature may do. */
  get isExpired(): boolean {
    return this.status === 403;
  }
}

export interface PutDeps {
  putOnce: PutOnce;
  wait: Wait;
  /** @throws DOMException NotReadableError: the browser tells a file that changed as a lost network. */
  assertReadable(body: Blob): Promise<void>;
  onSilence(isSilent: boolean): void;
}

export interface Putting {
  put: SignedPut;
  body: Blob;
  signal: AbortSignal;
  onProgress(sentBytes: number): void;
}

/** A storage that fails in one part fails in the next try as well, when it has failed so often. */
const MOST_BROKEN = 8;

/** @returns the ETag without quotes; null when the file was there already. @throws PutRefused, DOMException */
export async function putBytes(deps: PutDeps, { put, body, signal, onProgress }: Putting): Promise<string | null> {
  let broken = 0;
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    const answer = await deps.putOnce(put, body, { onProgress, signal });
    const { status, eTag } = answer;
    if (status !== 0 && failures > 1) deps.onSilence(false);
    if (status >= 200 && status < 300) return eTag?.replace(/^(W\/)?"(.*)"$/, '$2') ?? null;
    // A PUT whose answer was lost has arrived; `complete` looks whether what is there is the declared file.
    if (status === 412) return null;
    if (!isPassing(answer)) throw new PutRefused(answer);
    if (status === 0) await deps.assertReadable(body);
    else broken += 1;
    if (broken >= MOST_BROKEN) throw new PutRefused(answer);
    onProgress(0);
    deps.onSilence(true);
    await deps.wait(retryMs(failures), signal);
  }
}

/** Some storages answer 400 to a body that was cut on its way. */
function isPassing({ status, code }: PutAnswer): boolean {
  if (status === 0 || status === 408 || status === 429 || status >= 500) return true;
  return status === 400 && (code === 'RequestTimeout' || code === 'IncompleteBody');
}
