/** Reads and checks known hosts in OpenSSH's format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface KnownHost {
  /** The line's patterns (`*`, `?`, `!`) in lower case, or the hash of one name. */
  hosts: { patterns: string[] } | { salt: Buffer; hash: Buffer };
  revoked: boolean;
  /** The type of the key, such as `ssh-ed25519`. */
  type: string;
  /** The public key in its wire format. */
  key: Buffer;
}

export interface HostAddress {
  host: string;
  port: number;
}

export type HostKeyVerdict =
  | { kind: 'Known' }
  /** There is no line for this host. */
  | { kind: 'Unknown' }
  /** Only other keys of this host are known. */
  | { kind: 'Mismatch'; known: KnownHost[] }
  | { kind: 'Revoked' };

/** Types of keys with sound signatures. DSA and others are too weak, and the SSH client supports no certificates. */
const KEY_TYPES = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
]);

/** Reads the lines that hold a key. Comments and all other lines are skipped, as OpenSSH does. */
export function parseKnownHosts(text: string): KnownHost[] {
  return text.split(/\r\n|\r|\n/).flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): KnownHost | null {
  const words = line.trim().split(/[ \t]+/);
  const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
  if (marker !== undefined && marker !== '@revoked') return null;
  const [names, type, encoded] = words;
  if (!names || names.startsWith('#') || !type || !encoded || !KEY_TYPES.has(type)) return null;
  const key = Buffer.from(encoded, 'base64');
  // The key itself also states its type; a line where the two types differ is broken.
  if (keyType(key) !== type) return null;
  const hosts = parseHosts(names);
  return hosts && { hosts, revoked: marker !== undefined, type, key };
}

function parseHosts(names: string): KnownHost['hosts'] | null {
  if (!names.startsWith('|')) return { patterns: names.toLowerCase().split(',') };
  const [, version, salt, hash] = names.split('|');
  if (version !== '1' || !salt || !hash) return null;
  return { salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

/** The type that a key states, or an empty string for bytes that are no key. */
export function keyType(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  return length > 64 || length > key.length - 4 ? '' : key.toString('latin1', 4, 4 + length);
}

/**
 * Decides whether the key belongs to the host. As in OpenSSH, a host at another port than 22 is named `[host]:port`,
 * and a line with the host's bare name counts too if it has this very key.
 */
export function checkHostKey(known: readonly KnownHost[], address: HostAddress, key: Buffer): HostKeyVerdict {
  const same = (entry: KnownHost) => entry.key.equals(key);
  const lines = linesOf(known, address);
  const bare = address.port === 22 ? [] : known.filter((entry) => matches(entry.hosts, address.host.toLowerCase()));
  if ([...lines, ...bare].some((entry) => entry.revoked && same(entry))) return { kind: 'Revoked' };
  const trusted = lines.filter(({ revoked }) => !revoked);
  if (trusted.some(same) || bare.some((entry) => !entry.revoked && same(entry))) return { kind: 'Known' };
  return trusted.length === 0 ? { kind: 'Unknown' } : { kind: 'Mismatch', known: trusted };
}

/** The types of a host's known keys. The client asks for them first, so that the server shows a key that is known. */
export function knownTypes(known: readonly KnownHost[], address: HostAddress): string[] {
  const lines = linesOf(known, address);
  const asked = lines.length > 0 ? lines : linesOf(known, { ...address, port: 22 });
  return [...new Set(asked.filter(({ revoked }) => !revoked).map(({ type }) => type))];
}

function linesOf(known: readonly KnownHost[], { host, port }: HostAddress): KnownHost[] {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
  return known.filter((entry) => matches(entry.hosts, name));
}

function matches(hosts: KnownHost['hosts'], name: string): boolean {
  if ('hash' in hosts) {
    const hash = createHmac('sha1', hosts.salt).update(name).digest();
    return hash.length === hosts.hash.length && timingSafeEqual(hash, hosts.hash);
  }
  const refused = hosts.patterns.some((pattern) => pattern.startsWith('!') && matchesPattern(pattern.slice(1), name));
  return !refused && hosts.patterns.some((pattern) => !pattern.startsWith('!') && matchesPattern(pattern, name));
}

/** Patterns have only `*` and `?`. Unlike a regular expression, this loop has a bounded time for every pattern. */
function matchesPattern(pattern: string, name: string): boolean {
  let at = 0;
  let position = 0;
  let star = -1;
  let resume = 0;
  while (position < name.length) {
    if (pattern[at] === '*') {
      star = at;
      resume = position;
      at += 1;
    } else if (pattern[at] === '?' || pattern[at] === name[position]) {
      at += 1;
      position += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      position = resume;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** The fingerprint in the form of ssh and ssh-keygen: SHA256:… */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}
