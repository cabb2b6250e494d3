/** What browsers may do with the answers below /page/. Pure. */
import { NO_DOCUMENT } from '#operator/gateway/http/answer-problem.ts';

/** Headers of every answer below /page/. */
export const PAGE_HEADERS = {
  // An answer that is no document of ours is never one.
  ...NO_DOCUMENT,
  // With no-referrer a browser would send forms with the origin `null`.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), display-capture=()',
};

/** A year; only where the gateway itself ends TLS, since an Ingress says this for its own hosts. */
export const TRANSPORT_SECURITY = 'max-age=31536000';

/**
 * The Content Security Policy of a document.
 * @param storageOrigins where files are put, such as https://s3.example.com
 */
export function documentPolicy(storageOrigins: readonly string[]): string {
  const storage = storageOrigins.map((origin) => ` ${origin}`).join('');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self'${storage}`,
    "worker-src 'self'",
    `form-action 'self'${storage}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}

/**
 * The policy of the script of a dedicated worker, which takes its policy from its own answer; null for every other file. The
 * record processor alone compiles WebAssembly. Vite names a built file after its source, here `worker` of the check.
 */
export function workerPolicy(path: string): string | null {
  const [, name] = /^assets\/((?:[\w.-]*[.-])?worker)-[\w-]+\.js$/.exec(path) ?? [];
  if (name === undefined) return null;
  const scripts = /^(check[.-])?worker$/.test(name) ? "'self' 'wasm-unsafe-eval'" : "'self'";
  return `default-src 'none'; script-src ${scripts}; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'`;
}
