/** Reads the URIs of databases: hosts, TLS, and the order in which servers are tried. */
import type pg from 'pg';
import { Fault } from '#common/faults.ts';

export interface DatabaseOptions {
  uri: string;
  /** A CA certificate as PEM. With it the server's certificate is verified, unless `sslmode=disable`. */
  caCert?: string | undefined;
  /** The namespace where a host name without a dot is a Service. Names with dots and addresses are used as they are. */
  namespace?: string | undefined;
  applicationName: string;
  connectTimeoutMs?: number;
  /** 0 or absent: statements have no time limit. */
  statementTimeoutMs?: number;
  /**
   * Breaks the connection off after this many milliseconds without a byte; absent: never. Meant for short questions.
   */
  idleTimeoutMs?: number;
}

/** Parameters of a URI that make libpq or node-postgres read a local file, or connect to another server. */
const REFUSED = new Set([
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslcrl',
  'sslcrldir',
  'passfile',
  'service',
  'servicefile',
]);
const ALLOWED = new Set(['sslmode', 'connect_timeout', 'target_session_attrs']);

/** One server of a uri. */
interface Host {
  /** With TLS, unless the uri forbids it. */
  config: pg.ClientConfig;
  /** Without TLS, where TLS is only preferred. */
  plain: pg.ClientConfig | null;
}

/** The servers that a uri names, in the order in which they are tried. */
export interface DatabaseAddress {
  hosts: readonly Host[];
  /** A server that takes no writes is passed over. */
  mustWrite: boolean;
}

/**
 * Reads a postgres:// URI, with several hosts as libpq takes them.
 * @throws Fault CFG_DATABASE_URI (permanent, reason SecretInvalid); the message never holds the URI.
 */
export function readDatabaseUri(options: DatabaseOptions): DatabaseAddress {
  const { url, authorities } = parseUrl(options.uri);
  checkParameters(url.searchParams);
  const database = decode(url.pathname.slice(1), 'database');
  if (!database) throw invalid('it names no database, as in postgres://user:password@host:5432/database');
  const seconds = readSeconds(url.searchParams.get('connect_timeout'));
  const common: pg.ClientConfig = {
    database,
    user: decode(url.username, 'user'),
    password: decode(url.password, 'password'),
    application_name: options.applicationName,
    ...(options.connectTimeoutMs || seconds
      ? { connectionTimeoutMillis: seconds ? seconds * 1000 : options.connectTimeoutMs }
      : {}),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.statementTimeoutMs ? { statement_timeout: options.statementTimeoutMs } : {}),
  };
  const tls = readTls(url.searchParams.get('sslmode'), options.caCert);
  const hosts = authorities.map((authority): Host => {
    const config = { ...common, ...readHost(authority, options.namespace) };
    return { config: { ...config, ssl: tls.ssl }, plain: tls.isOptional ? { ...config, ssl: false } : null };
  });
  return { hosts, mustWrite: readMustWrite(url.searchParams.get('target_session_attrs'), hosts.length) };
}

/** The way to a database that is tried now. */
export interface Route {
  readonly config: pg.ClientConfig;
  readonly mustWrite: boolean;
  /**
   * Turns to the next way after a failure.
   * @param tried the config that failed: another caller may have turned already
   * @returns false when each way has been tried since the last success
   */
  next(error: unknown, tried: pg.ClientConfig): boolean;
  succeeded(): void;
}

/** Goes from host to host as libpq does: a wrong password ends the search. */
export function createRoute({ hosts, mustWrite }: DatabaseAddress): Route {
  let position = 0;
  let isPlain = false;
  let untried = hosts.length - 1;
  const current = () => {
    const { config, plain } = hosts[position]!;
    return isPlain && plain ? plain : config;
  };
  return {
    get config() {
      return current();
    },
    mustWrite,
    next(error, tried) {
      if (tried !== current()) return true;
      if (!isPlain && hosts[position]!.plain && isTlsRefused(error)) {
        isPlain = true;
        return true;
      }
      if ((error as { code?: unknown } | null)?.code === WRONG_PASSWORD) return false;
      isPlain = false;
      position = (position + 1) % hosts.length;
      untried -= 1;
      if (untried >= 0) return true;
      untried = hosts.length - 1;
      return false;
    },
    succeeded() {
      untried = hosts.length - 1;
    },
  };
}

const WRONG_PASSWORD = '28P01';
const NO_HBA_ENTRY = '28000';

function isTlsRefused(error: unknown): boolean {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  // Without TLS there are no client certificates, so the answer of a second try would only hide this one.
  return (code === NO_HBA_ENTRY && !message.includes('client certificate')) || /does not support SSL/.test(message);
}

/** WHATWG's URL knows one host, so the list of hosts is taken out before. */
function parseUrl(uri: string): { url: URL; authorities: string[] } {
  const [, start = '', list = '', rest = ''] = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is.exec(uri) ?? [];
  if (start && !/^postgres(ql)?:/i.test(start)) throw invalid('it must start with postgres://');
  const authorities = list.split(',');
  try {
    return { url: new URL(`${start}${authorities[0]}${rest}`), authorities };
  } catch {
    throw invalid('it is not a URI; it should look like postgres://user:password@host:5432/database');
  }
}

function readHost(authority: string, namespace: string | undefined): Pick<pg.ClientConfig, 'host' | 'port'> {
  let url: URL;
  try {
    url = new URL(`postgres://${authority}/`);
  } catch {
    throw invalid('one of its hosts cannot be read, as in postgres://user:password@host1:5432,host2:5432/database');
  }
  const host = decode(url.hostname.replace(/^\[|\]$/g, ''), 'host');
  if (!host || host.startsWith('/')) throw invalid('it has no host; a socket folder cannot be used from a pod');
  const isService = namespace && !/[.:]/.test(host) && host !== 'localhost';
  return { host: isService ? `${host}.${namespace}.svc` : host, port: url.port ? Number(url.port) : 5432 };
}

function checkParameters(parameters: URLSearchParams): void {
  for (const name of parameters.keys()) {
    if (REFUSED.has(name))
      throw invalid(`the parameter ${name} names a file; put a CA certificate into the Secret's ca.crt`);
    if (!ALLOWED.has(name))
      throw invalid(`the parameter ${name} is not supported; allowed are ${[...ALLOWED].join(', ')}`);
  }
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`its ${part} has a % that begins no escape; write %25 for the character %`);
  }
}

function readSeconds(text: string | null): number | null {
  if (text === null) return null;
  if (!/^\d{1,4}$/.test(text)) throw invalid('connect_timeout is a number of seconds');
  return Number(text);
}

/** Several hosts are the servers of one database cluster, of which one takes writes. */
function readMustWrite(attributes: string | null, hosts: number): boolean {
  switch (attributes) {
    case null:
      return hosts > 1;
    case 'any':
      return false;
    case 'read-write':
    case 'primary':
      return true;
    default:
      throw invalid(
        `target_session_attrs=${attributes} is not supported, because uploads write; allowed are any, read-write and primary`,
      );
  }
}

/** As libpq: without sslmode TLS is preferred, and a server without TLS is taken. */
function readTls(mode: string | null, ca: string | undefined): { ssl: pg.ClientConfig['ssl']; isOptional: boolean } {
  const trusted = ca ? { ca } : {};
  const required = (ssl: pg.ClientConfig['ssl']) => ({ ssl, isOptional: false });
  switch (mode) {
    case null:
    case 'prefer':
      return ca ? required({ ca, rejectUnauthorized: true }) : { ssl: { rejectUnauthorized: false }, isOptional: true };
    case 'disable':
      return required(false);
    case 'require':
    case 'no-verify':
      return required(ca ? { ca, rejectUnauthorized: true } : { rejectUnauthorized: false });
    case 'verify-ca':
      return required({ ...trusted, rejectUnauthorized: true, checkServerIdentity: () => undefined });
    case 'verify-full':
      return required({ ...trusted, rejectUnauthorized: true });
    default:
      throw invalid(
        `sslmode=${mode} is not supported; allowed are disable, prefer, require, verify-ca and verify-full`,
      );
  }
}

function invalid(why: string): Fault {
  return new Fault({
    code: 'CFG_DATABASE_URI',
    category: 'permanent',
    reason: 'SecretInvalid',
    message: `The database Secret's uri cannot be used: ${why}. Correct the key uri of the Secret.`,
  });
}
