/** A browser without pages: it keeps cookies by host, and follows redirections as far as a test wants. */

export interface Jar {
  /** The cookies of a host, by name. */
  of(host: string): Map<string, string>;
  /** Sends a request with the cookies of its host, and keeps those of the answer. Follows no redirection. */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  /** Follows redirections until an answer has none, or leads to where `until` says. @returns the last answer and its URL */
  follow(url: string | URL, until?: (url: URL) => boolean): Promise<{ response: Response; url: URL }>;
}

export function createJar(): Jar {
  const hosts = new Map<string, Map<string, string>>();
  const of: Jar['of'] = (host) => {
    const cookies = hosts.get(host) ?? new Map<string, string>();
    hosts.set(host, cookies);
    return cookies;
  };
  const send: Jar['fetch'] = async (url, init = {}) => {
    const { hostname } = new URL(url);
    const headers = new Headers(init.headers);
    const cookies = of(hostname);
    if (cookies.size > 0 && !headers.has('cookie')) headers.set('cookie', cookieHeader(cookies));
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) keep(cookies, line);
    return response;
  };
  return {
    of,
    fetch: send,
    async follow(from, until = () => false) {
      let url = new URL(from);
      for (let i = 0; i < 20; i += 1) {
        const response = await send(url);
        const location = response.headers.get('location');
        if (location === null) return { response, url };
        url = new URL(location, url);
        if (until(url)) return { response, url };
        await response.body?.cancel();
      }
      throw new Error(`${from} leads on for ever`);
    },
  };
}

export function cookieHeader(cookies: ReadonlyMap<string, string>): string {
  return [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
}

function keep(cookies: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
  const at = pair.indexOf('=');
  const name = pair.slice(0, at);
  const isGone = attributes.some((each) => /^max-age=0$/i.test(each) || /^expires=.*1970/i.test(each));
  if (isGone) cookies.delete(name);
  else cookies.set(name, pair.slice(at + 1));
}
