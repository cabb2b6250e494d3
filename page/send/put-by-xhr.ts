/** One PUT of a browser. */
import type { PutOnce } from './put-bytes.ts';

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
