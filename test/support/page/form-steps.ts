/** What a browser without JavaScript does with the gateway's pages: it reads them, and sends their forms. */
import { createJar } from './cookie-jar.ts';
import type { SignedIn, TestPage } from './start-page.ts';

export interface Shown {
  status: number;
  headers: Headers;
  /** The Content-Type. */
  type: string | null;
  /** The Content-Security-Policy. */
  policy: string | null;
  location: string | null;
  text: string;
  /** The action of the form of the page's content; empty without one. */
  action: string;
  /** The hidden fields of that form. */
  hidden: Record<string, string>;
}

export interface Person extends Pick<SignedIn, 'call' | 'csrf' | 'cookie' | 'user'> {
  get(path: string, headers?: Record<string, string>): Promise<Shown>;
  /** Sends a form; the token of the session is in it unless `fields` have another. */
  post(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<Shown>;
  /** Sends any body as the page itself would. */
  postBody(path: string, body: string, type?: string): Promise<Shown>;
}

const FORM = 'application/x-www-form-urlencoded';

/** @param at where the gateway is asked, when it is another replica */
export async function person(page: TestPage, user: string, at = page.origin): Promise<Person> {
  return withForms(page, await page.signIn(user), at);
}

/** A browser without a cookie. */
export function nobody(page: TestPage): Person {
  const none = {
    call: () => Promise.reject(new Error('nobody calls')),
    csrf: '',
    cookie: '',
    user: '',
    jar: createJar(),
  };
  return withForms(page, none, page.origin);
}

function withForms(page: TestPage, signedIn: Pick<SignedIn, 'call' | 'csrf' | 'cookie' | 'user'>, at: string): Person {
  const { call, csrf, cookie, user } = signedIn;
  const send = async (path: string, init: RequestInit) => {
    const common = { host: new URL(page.origin).host, 'sec-fetch-site': 'same-origin', ...(cookie ? { cookie } : {}) };
    const headers = { ...common, ...(init.headers as Record<string, string>) };
    return toShown(await fetch(at + path, { ...init, headers, redirect: 'manual' }));
  };
  const post = (path: string, body: string, headers: Record<string, string>) =>
    send(path, { method: 'POST', body, headers: { origin: page.origin, 'content-type': FORM, ...headers } });
  return {
    call,
    csrf,
    cookie,
    user,
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, fields, headers = {}) => post(path, String(new URLSearchParams({ csrf, ...fields })), headers),
    postBody: (path, body, type = FORM) => post(path, body, { 'content-type': type }),
  };
}

async function toShown(response: Response): Promise<Shown> {
  const { status, headers } = response;
  const text = await response.text();
  const form = /<form class="app-card" method="post" action="([^"]*)"[^>]*>(.*?)<\/form>/s.exec(text);
  const inputs = [...(form?.[2] ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  return {
    status,
    headers,
    type: headers.get('content-type'),
    policy: headers.get('content-security-policy'),
    location: headers.get('location'),
    text,
    action: readText(form?.[1] ?? ''),
    hidden: Object.fromEntries(inputs.map(([, name = '', value = '']) => [readText(name), readText(value)])),
  };
}

const CHARACTERS: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const readText = (text: string) => text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => CHARACTERS[name]!);

/** Sends a file by the form that a page has for the storage. */
export async function sendFile(
  { action, hidden }: Pick<Shown, 'action' | 'hidden'>,
  content: string,
): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries(hidden)) form.append(name, value);
  form.append('file', new Blob([content], { type: 'text/html' }), 'any name.html');
  return fetch(action, { method: 'POST', body: form, redirect: 'manual' });
}
