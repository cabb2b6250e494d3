/** Signs requests as a partner's program does (RFC 9421, HMAC-SHA-256), and also in ways in which none should. */
import { createHash, createHmac, randomUUID } from 'node:crypto';

export interface Signing {
  method?: string;
  url: URL;
  body?: string | undefined;
  key: string | Buffer;
  keyId: string;
  /** Seconds since the epoch. */
  created?: number;
  nonce?: string;
  headers?: Record<string, string>;
  /** In place of the components that cover the whole request. */
  components?: string[];
  /** Text that is appended to the parameters, such as `;tag="x"`. */
  parameters?: string;
}

/** @returns the headers of the request, with those of the signature. */
export function sign({
  method = 'GET',
  url,
  body,
  key,
  keyId,
  headers: given = {},
  ...options
}: Signing): Record<string, string> {
  const { created = Math.floor(Date.now() / 1000), nonce = randomUUID(), parameters: more = '' } = options;
  const headers: Record<string, string> = { ...given };
  if (body !== undefined) {
    headers['content-type'] ??= 'application/json';
    headers['content-digest'] ??= `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  }
  const components = options.components ?? ['@method', '@target-uri', ...Object.keys(headers)];
  const values: Record<string, string> = {
    ...headers,
    '@method': method,
    '@target-uri': url.href,
    '@authority': url.host,
    '@path': url.pathname,
    '@query': url.search || '?',
  };
  const names = components.map((name) => `"${name}"`).join(' ');
  const parameters = `(${names});created=${created};nonce="${nonce}";keyid="${keyId}";alg="hmac-sha256"${more}`;
  const base = [...components.map((name) => `"${name}": ${values[name]}`), `"@signature-params": ${parameters}`].join(
    '\n',
  );
  const signature = createHmac('sha256', key).update(base).digest('base64');
  return { ...headers, 'signature-input': `sig1=${parameters}`, signature: `sig1=:${signature}:` };
}
