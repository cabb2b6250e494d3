/** Puts bytes into the storage, with progress, until the storage has answered. */

import type { SignedPut } from './gateway-files.ts';
import { backoffMs, type Wait } from './until-answered.ts';

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
    await deps.wait(backoffMs(failures), signal);
  }
}

/** Some storages answer 400 to a body that was cut on its way. */
function isPassing({ status, code }: PutAnswer): boolean {
  if (status === 0 || status === 408 || status === 429 || status >= 500) return true;
  return status === 400 && (code === 'RequestTimeout' || code === 'IncompleteBody');
}

/** A connection on which nothing goes on for so long is lost, though nobody has closed it. */
const SILENCE_MS = 60_000;
/** After the last byte, a storage may take its time to write a large body. */
const ANSWER_MS = 180_000;

/** Headers that the browser sets itself. */
const FORBIDDEN = new Set(['content-length', 'host']);

/** XMLHttpRequest, since `fetch` tells nothing of what was sent. */
export const putByXhr: PutOnce = ({ url, headers }, body, { onProgress, signal }) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let timer: ReturnType<typeof setTimeout>;
    const watch = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => xhr.abort(), ms);
    };
    const end = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => xhr.abort();
    const lost = () => end(() => resolve({ status: 0, eTag: null, code: null }));
    xhr.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) if (!FORBIDDEN.has(name)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => {
      watch(loaded < body.size ? SILENCE_MS : ANSWER_MS);
      onProgress(Math.min(loaded, body.size));
    };
    xhr.upload.onload = () => watch(ANSWER_MS);
    xhr.onload = () => {
      const code = /<Code>(\w+)<\/Code>/.exec(xhr.responseText)?.[1] ?? null;
      end(() => resolve({ status: xhr.status, eTag: xhr.getResponseHeader('etag'), code }));
    };
    xhr.onerror = lost;
    xhr.onabort = () => (signal.aborted ? end(() => reject(signal.reason)) : lost());
    signal.addEventListener('abort', onAbort);
    watch(SILENCE_MS);
    xhr.send(body);
  });
