/** Where the browser goes when a person has signed in. Pure. */

export const HOME = '/page/';
const MOST_CHARACTERS = 256;
/** Paths that would sign in again for ever, or out at once. */
const STEPS = ['/page/login', '/page/callback', '/page/logout', '/page/session'];

/** @returns `to` when it is a path of the page, and the page's first path for everything else: no link leads elsewhere. */
export function returnPath(to: unknown, origin: string): string {
  // What is not plain ASCII, or has a backslash, is read by each browser in a way of its own.
  if (typeof to !== 'string' || to.length > MOST_CHARACTERS || !/^\/page\/[!-[\]-~]*$/.test(to)) return HOME;
  const url = URL.parse(to, origin);
  if (url === null || url.origin !== origin) return HOME;
  // The parser has taken out `..`, also where it was encoded. The router would decode the rest, and no path needs it.
  if (!url.pathname.startsWith(HOME) || url.pathname.includes('%') || STEPS.includes(url.pathname.replace(/\/+$/, '')))
    return HOME;
  return url.pathname + url.search + url.hash;
}
