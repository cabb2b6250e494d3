/** Opens an SSH connection within a time limit, to a server whose host key is known, and logs in. */
import ssh2, { type Algorithms, type Client, type ClientErrorExtensions } from 'ssh2';
import type { Fault } from '#common/faults.ts';
import { SFTP_REASONS, sftpFault } from './fault.ts';
import {
  checkHostKey,
  fingerprint,
  type HostAddress,
  type KnownHost,
  keyType,
  knownTypes,
  parseKnownHosts,
} from './known-hosts.ts';
import { createSftpSession, type SftpSession } from './session.ts';

/** The values of the Secret, as text. */
export interface SftpSecret {
  /** Name of the Secret, for messages. */
  name: string;
  password?: string | undefined;
  privateKey?: string | undefined;
  passphrase?: string | undefined;
  knownHosts?: string | undefined;
}

export interface SftpServer extends HostAddress {
  username: string;
}

export interface SftpLimits {
  /** Time limit from the first packet to the login. */
  connectMs: number;
  /** Time limit for the answer to each request. */
  requestMs: number;
  keepaliveMs: number;
}

export const DEFAULT_LIMITS: SftpLimits = { connectMs: 20_000, requestMs: 30_000, keepaliveMs: 10_000 };

/** SHA-1, CBC and compression are excluded. The MACs are for the ciphers that do not authenticate themselves. */
const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group-exchange-sha256',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
    'chacha20-poly1305@openssh.com',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
} satisfies Algorithms;

/** The signature algorithms that each type of key may use: RSA keys sign with SHA-2 only. */
const SIGNATURES = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
} as const satisfies Record<string, Algorithms['serverHostKey']>;

export interface ConnectOptions {
  server: SftpServer;
  secret: SftpSecret;
  limits: SftpLimits;
  signal: AbortSignal;
}

/** The caller disposes of the session. @throws Fault SFTP_*, CFG_SECRET */
export async function connectSftp({ server, secret, limits, signal }: ConnectOptions): Promise<SftpSession> {
  signal.throwIfAborted();
  const { known, login } = readSecret(secret);
  const client = new ssh2.Client();
  let refused: Fault | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const stop = () => reject(signal.reason);
      const timer = setTimeout(() => reject(noLogin(server, limits)), limits.connectMs);
      signal.addEventListener('abort', stop, { once: true });
      const done = (finish: () => void) => () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
        finish();
      };
      client.once('ready', done(resolve));
      // This listener stays for the life of the connection, because an error without a listener would end the process.
      client.on('error', (error) => done(() => reject(refused ?? connectFault(error, server, secret)))());
      client.once('close', () => done(() => reject(refused ?? closedEarly(server)))());
      answerPrompts(client, login.password);
      client.connect({
        host: server.host,
        port: server.port,
        username: server.username,
        ...login,
        // The timer above is the only limit: it also covers the name's lookup and the TCP connection.
        readyTimeout: 0,
        keepaliveInterval: limits.keepaliveMs,
        keepaliveCountMax: 3,
        tryKeyboard: login.password !== undefined,
        algorithms: { ...ALGORITHMS, serverHostKey: orderHostKeys(known, server) },
        hostVerifier: (key: Buffer) => {
          refused = judgeHostKey(known, server, secret, key);
          return refused === undefined;
        },
      });
      // A request is small and waits for its answer: Nagle's algorithm would add the 40 ms of a delayed
      // acknowledgement.
      client.setNoDelay(true);
    });
    return await createSftpSession(client, { server, requestMs: limits.requestMs, signal });
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** Some servers ask for the password by keyboard-interactive only; the answer to their prompt is the same password. */
function answerPrompts(client: Client, password: string | undefined): void {
  client.on('keyboard-interactive', (_name, _instructions, _language, prompts, answer) => {
    const secret = prompts.length === 1 && !prompts[0]!.echo;
    answer(secret && password !== undefined ? [password] : []);
  });
}

function orderHostKeys(known: readonly KnownHost[], server: HostAddress) {
  const first = knownTypes(known, server);
  const types = Object.keys(SIGNATURES) as (keyof typeof SIGNATURES)[];
  return [...types].sort((a, b) => Number(first.includes(b)) - Number(first.includes(a))).flatMap((t) => SIGNATURES[t]);
}

interface Login {
  password?: string;
  privateKey?: string;
  passphrase?: string;
}

function readSecret(secret: SftpSecret): { known: KnownHost[]; login: Login } {
  const invalid = (what: string) =>
    sftpFault('CFG_SECRET', SFTP_REASONS.secretInvalid, `The Secret ${secret.name} ${what}.`);
  const { password, privateKey, passphrase } = secret;
  if (!password && !privateKey)
    throw invalid('has neither the key password nor the key privateKey: one of them is needed to log in');
  const known = parseKnownHosts(secret.knownHosts ?? '');
  if (known.length === 0)
    throw invalid(
      'has no line in its key knownHosts that a host key can be taken from: put the lines of "ssh-keyscan -p PORT HOST" there, after their fingerprints were compared with those that the partner gave',
    );
  if (!privateKey) return { known, login: { password: password! } };
  const pem = `${privateKey.replaceAll('\r', '').trim()}\n`;
  const parsed = ssh2.utils.parseKey(pem, passphrase || undefined);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key instanceof Error) throw invalid(explainKey(key, Boolean(passphrase)));
  if (!key?.isPrivateKey()) throw invalid('has a public key in privateKey: the private one is needed');
  const login = { privateKey: pem, ...(passphrase ? { passphrase } : {}), ...(password ? { password } : {}) };
  return { known, login };
}

function explainKey(error: Error, hasPassphrase: boolean): string {
  if (/passphrase|encrypted|integrity|bad decrypt|wrong/i.test(error.message))
    return hasPassphrase
      ? 'has a passphrase that does not open its privateKey'
      : 'has an encrypted privateKey, and no key passphrase';
  return 'has a privateKey that cannot be read: it must be in the format of OpenSSH or PEM ("ssh-keygen -p -f FILE" writes the former)';
}

function judgeHostKey(
  known: readonly KnownHost[],
  server: HostAddress,
  secret: SftpSecret,
  key: Buffer,
): Fault | undefined {
  const offered = `${keyType(key)} ${fingerprint(key)}`;
  const place = `knownHosts of the Secret ${secret.name}`;
  const where = `${server.host}:${server.port}`;
  const context = { fingerprint: fingerprint(key), keyType: keyType(key) };
  const verdict = checkHostKey(known, server, key);
  const mismatch = (message: string) => sftpFault('SFTP_HOST_KEY', SFTP_REASONS.hostKeyMismatch, message, { context });
  switch (verdict.kind) {
    case 'Known':
      return undefined;
    case 'Unknown':
      return sftpFault(
        'SFTP_HOST_KEY',
        SFTP_REASONS.hostKeyUnknown,
        `The server ${where} shows the host key ${offered}, and ${place} has no line for this host. Ask the partner for the fingerprint; if it is this one, add the line of "ssh-keyscan -p ${server.port} ${server.host}".`,
        { context },
      );
    case 'Mismatch': {
      const others = [...new Set(verdict.known.map((entry) => `${entry.type} ${fingerprint(entry.key)}`))].slice(0, 3);
      return mismatch(
        `The server ${where} shows the host key ${offered}, and not one of those in ${place} (${others.join(', ')}). Another machine may intercept the connection: ask the partner whether the key was changed, and replace the line only if it was.`,
      );
    }
    case 'Revoked':
      return mismatch(
        `The server ${where} shows the host key ${offered}, which is marked as @revoked in ${place}. Ask the partner for the key that holds now.`,
      );
    default:
      return verdict satisfies never;
  }
}

type ClientError = Error & ClientErrorExtensions & { code?: string };

function connectFault(error: ClientError, server: SftpServer, secret: SftpSecret): Fault {
  const where = `${server.host}:${server.port}`;
  const extra = { cause: error };
  if (error.level === 'client-authentication')
    return sftpFault(
      'SFTP_LOGIN',
      SFTP_REASONS.accessDenied,
      `The server ${where} refused the login of ${server.username} with the ${secret.privateKey ? 'privateKey' : 'password'} of the Secret ${secret.name}. Correct the username or the Secret, or ask the partner to let this key in.`,
      extra,
    );
  if (error.level === 'handshake' || error.level === 'protocol')
    return sftpFault(
      'SFTP_PROTOCOL',
      SFTP_REASONS.protocol,
      `The SSH handshake with ${where} failed: ${error.message}. This client offers only algorithms that are safe today: ask the partner to permit one of them.`,
      extra,
    );
  const reason = error.code ?? 'the connection was lost';
  return sftpFault(
    'SFTP_CONNECTION',
    SFTP_REASONS.unreachable,
    `The server ${where} cannot be reached (${reason}). Check spec.sftp.host and port; the bridge tries again.`,
    extra,
  );
}

function closedEarly({ host, port }: SftpServer): Fault {
  const message = `The server ${host}:${port} closed the connection before the login. The bridge tries again; if this stays, ask the partner.`;
  return sftpFault('SFTP_CONNECTION', SFTP_REASONS.unreachable, message);
}

function noLogin({ host, port }: SftpServer, { connectMs }: SftpLimits): Fault {
  const message = `The server ${host}:${port} did not complete the login within ${connectMs / 1000} s. The bridge tries again; if this stays, ask the partner.`;
  return sftpFault('SFTP_TIMEOUT', SFTP_REASONS.noAnswer, message);
}
