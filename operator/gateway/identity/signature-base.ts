/** The text that a message signature of RFC 9421 signs. Pure. */
import { unauthenticated } from '#operator/gateway/http/refusals.ts';

/** A request as it came, before anything of it is decoded. */
export interface SignedMessage {
  method: string;
  /** Path and query of the request line. */
  url: string;
  /** By lower-case name, each line of a header by itself. */
  fields: ReadonlyMap<string, readonly string[]>;
}

export type Scheme = 'https' | 'http';

const DEFAULT_PORTS = { https: /:443$/, http: /:80$/ };

/** The values of components that are no headers; RFC 9421, section 2.2. */
const DERIVED: Record<string, (message: SignedMessage, scheme: Scheme) => string> = {
  '@method': ({ method }) => method,
  '@scheme': (_message, scheme) => scheme,
  '@authority': authorityOf,
  '@target-uri': (message, scheme) => `${scheme}://${authorityOf(message, scheme)}${message.url}`,
  '@request-target': ({ url }) => url,
  '@path': ({ url }) => url.split('?', 1)[0]!,
  '@query': ({ url }) => (url.includes('?') ? url.slice(url.indexOf('?')) : '?'),
};

/** The host as the sender has named it: behind a proxy, that must pass on the header Host unchanged. */
function authorityOf({ fields }: SignedMessage, scheme: Scheme): string {
  return trim(fields.get('host')?.[0] ?? '')
    .toLowerCase()
    .replace(DEFAULT_PORTS[scheme], '');
}

/**
 * @param parameters the value of the last line, @signature-params.
 * @throws Problem unauthenticated
 */
export function signatureBase(
  message: SignedMessage,
  { components, parameters, scheme }: { components: readonly string[]; parameters: string; scheme: Scheme },
): string {
  const lines = components.map((name) => `"${name}": ${componentValue(message, name, scheme)}`);
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
  if (!/^[\x20-\x7e\n]*$/.test(base)) {
    throw unauthenticated(
      'What the signature covers has characters that are not ASCII. Encode them with percent signs.',
    );
  }
  return base;
}

function componentValue(message: SignedMessage, name: string, scheme: Scheme): string {
  const derive = Object.hasOwn(DERIVED, name) ? DERIVED[name] : undefined;
  if (derive !== undefined) return derive(message, scheme);
  const lines = message.fields.get(name);
  if (lines === undefined) throw unauthenticated(`The signature covers "${name}", which the request does not have.`);
  return lines.map(trim).join(', ');
}

/** Only spaces and tabs around a value are no part of it (RFC 9110, section 5.6.3). */
const trim = (value: string) => value.replace(/^[ \t]+|[ \t]+$/g, '');

/** @param rawHeaders names and values in turn, as Node gives them. */
export function toFields(rawHeaders: readonly string[]): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const lines = fields.get(name) ?? [];
    fields.set(name, lines);
    lines.push(rawHeaders[i + 1]!);
  }
  return fields;
}
