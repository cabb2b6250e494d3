/**
 * The scripts of Web Workers. The gateway's Content Security Policy lets a script be started by a trusted address
 * alone, and the addresses that this file trusts are those of the page's own build.
 */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: { createScriptURL(url: string): string } | undefined;

/** @param url from an import with `?worker&url`. @throws TypeError for an address of another origin */
export function ownScript(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy('batch-upload-workers', { createScriptURL: checkOwn }) ?? {
    createScriptURL: checkOwn,
  };
  return policy.createScriptURL(url);
}

function checkOwn(url: string): string {
  const { origin, href } = new URL(url, location.href);
  if (origin !== location.origin)
    throw new TypeError(`The page starts scripts of its own origin alone, not ${origin}.`);
  return href;
}
