/** The gateway's configuration, read from its environment. */
import { ConfigError, integer, list, positive } from '#common/config.ts';
import type { PodAddress } from '#kube/pod-access.ts';
import { PAGE_ENV, type PageSettings, readPage } from './page-config.ts';
import { type ProgramConfig, readApiServer, readProgramConfig } from './program-config.ts';
import { isSafeUrl } from './safe-url.ts';

/** Where the files of a namespace go. */
export interface FileStorage {
  bucket: string;
  /** Stands before every key, without a slash at its end; the key is `<prefix>/<uuid>/<file name>`. */
  prefix: string;
  /** The URL of the storage as the outside sees it; null: the same that the pods use. */
  publicEndpoint: string | null;
}

export interface OidcSettings {
  issuer: string;
  audience: string;
  userClaim: string;
  groupsClaim: string;
  /** Stands before every user and group; never empty. */
  prefix: string;
}

export interface GatewayConfig extends ProgramConfig {
  port: number;
  /** The folder with `tls.crt` and `tls.key`; null: plain HTTP, for a proxy that ends TLS. */
  tlsFolder: string | null;
  /** By namespace; the namespace `*` stands for all others. */
  fileStorage: ReadonlyMap<string, FileStorage>;
  oidc: OidcSettings | null;
  /** The staff page; null: there is none, and no cookie is a proof. */
  page: PageSettings | null;
  /** The audience that a Kubernetes token must have; null: Kubernetes tokens are refused. */
  tokenAudience: string | null;
  /** Requests of one identity in a second, and at once. */
  rateLimit: { perSecond: number; burst: number };
  /** The origins of web pages that may call the API and the storage. */
  allowedOrigins: string[];
  /** The address of the API server in a pod; null when a kubeconfig names the server. */
  apiServer: PodAddress | null;
}

/** Variables that only the gateway reads. */
export const GATEWAY_ENV = {
  /** The port of the API; 8443 when absent. */
  port: 'BATCH_UPLOAD_GATEWAY_PORT',
  /**
   * The folder with the certificate `tls.crt` and its key `tls.key`, as Kubernetes mounts a Secret of type kubernetes.io/tls; when
   * absent, the gateway serves plain HTTP.
   */
  tlsFolder: 'BATCH_UPLOAD_GATEWAY_TLS_FOLDER',
  /**
   * Where files go, as JSON: an object from the name of a namespace, or `*` for all others, to an object with `bucket` and, if
   * needed, `prefix` and `publicEndpoint`. When absent, no namespace takes files.
   */
  fileStorage: 'BATCH_UPLOAD_GATEWAY_STORAGE',
  /**
   * The identity provider, as JSON: `issuer` and `audience` and, if needed, `userClaim`, `groupsClaim` and `prefix`. When
   * absent, tokens of OpenID Connect are refused.
   */
  oidc: 'BATCH_UPLOAD_GATEWAY_OIDC',
  /** The audience of Kubernetes tokens; when absent, Kubernetes tokens are refused. */
  tokenAudience: 'BATCH_UPLOAD_GATEWAY_TOKEN_AUDIENCE',
  /** The requests that one identity may send in a second; 50 when absent. */
  requestsPerSecond: 'BATCH_UPLOAD_GATEWAY_REQUESTS_PER_SECOND',
  /** The requests that one identity may send at once; 100 when absent. */
  requestBurst: 'BATCH_UPLOAD_GATEWAY_REQUEST_BURST',
  /** The origins of web pages that may call the API and the storage, separated by commas; none when absent. */
  allowedOrigins: 'BATCH_UPLOAD_GATEWAY_ALLOWED_ORIGINS',
} as const;

/** @throws ConfigError that names the variable and what is allowed. */
export function readGatewayConfig(env: NodeJS.ProcessEnv): GatewayConfig {
  const oidc = readOidc(env);
  const page = readPage(env, readObject(env, PAGE_ENV.page));
  if (page !== null && oidc === null) {
    throw new ConfigError(`${PAGE_ENV.page} needs ${GATEWAY_ENV.oidc}, the identity provider where people sign in`);
  }
  return {
    ...readProgramConfig(env),
    port: integer(env, GATEWAY_ENV.port, 8443),
    tlsFolder: env[GATEWAY_ENV.tlsFolder] || null,
    fileStorage: readFileStorage(env),
    oidc,
    page,
    tokenAudience: env[GATEWAY_ENV.tokenAudience] || null,
    rateLimit: {
      perSecond: positive(env, GATEWAY_ENV.requestsPerSecond, 50),
      burst: positive(env, GATEWAY_ENV.requestBurst, 100),
    },
    allowedOrigins: list(env, GATEWAY_ENV.allowedOrigins, []),
    apiServer: readApiServer(env),
  };
}

/** The origins of all web pages that put files into the storage: the staff page is one of them. */
export function originsOfPages({ allowedOrigins, page }: Pick<GatewayConfig, 'allowedOrigins' | 'page'>): string[] {
  return [...new Set([...(page ? [page.origin] : []), ...allowedOrigins])];
}

function readFileStorage(env: NodeJS.ProcessEnv): ReadonlyMap<string, FileStorage> {
  const name = GATEWAY_ENV.fileStorage;
  const storages = readObject(env, name) ?? {};
  return new Map(
    Object.entries(storages).map(([namespace, value]) => {
      const fields = textFields(
        value,
        `${name}: the storage of ${namespace}`,
        ['bucket'],
        ['prefix', 'publicEndpoint'],
      );
      const { bucket = '', prefix = 'raw-uploads', publicEndpoint = '' } = fields;
      checkPlace(`${name}: the storage of ${namespace}`, { prefix, publicEndpoint });
      return [namespace, { bucket, prefix: prefix.replace(/\/+$/, ''), publicEndpoint: publicEndpoint || null }];
    }),
  );
}

/** A key has 1,024 bytes at most, of which a file's id and name take 293. */
const MAX_PREFIX_BYTES = 512;

function checkPlace(what: string, { prefix, publicEndpoint }: { prefix: string; publicEndpoint: string }): void {
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES || prefix.split('/').some((part) => ['.', '..'].includes(part))) {
    throw new ConfigError(`${what}: prefix must have at most ${MAX_PREFIX_BYTES} bytes, and no parts . or ..`);
  }
  if (prefix.startsWith('/')) throw new ConfigError(`${what}: prefix must not begin with a slash`);
  if (publicEndpoint === '') return;
  const url = URL.canParse(publicEndpoint) ? new URL(publicEndpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.href.replace(/\/$/, '') !== url.origin) {
    throw new ConfigError(`${what}: publicEndpoint must be the URL of a server, such as https://s3.example.com`);
  }
}

function readOidc(env: NodeJS.ProcessEnv): OidcSettings | null {
  const name = GATEWAY_ENV.oidc;
  const value = readObject(env, name);
  if (value === null) return null;
  const fields = textFields(value, name, ['issuer', 'audience'], ['userClaim', 'groupsClaim', 'prefix']);
  const { issuer = '', audience = '', userClaim = 'sub', groupsClaim = 'groups', prefix = 'oidc:' } = fields;
  if (prefix === '' || /^(system|batchupload):/.test(prefix)) {
    throw new ConfigError(
      `${name}: the prefix must not be empty and must not begin with system: or batchupload:, which no user may have`,
    );
  }
  if (!isSafeUrl(issuer) || /[?#]/.test(issuer)) {
    throw new ConfigError(`${name}: the issuer must be a URL that begins with https://, without a query`);
  }
  return { issuer, audience, userClaim, groupsClaim, prefix };
}

function readObject(env: NodeJS.ProcessEnv, name: string): Record<string, unknown> | null {
  const text = env[name];
  if (!text) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // The error below says it.
  }
  throw new ConfigError(`${name} must be a JSON object`);
}

function textFields(
  value: unknown,
  what: string,
  required: readonly string[],
  optional: readonly string[],
): Record<string, string> {
  if (typeof value !== 'object' || value === null) throw new ConfigError(`${what} must be a JSON object`);
  const fields = Object.entries(value).filter(([, text]) => text !== null);
  for (const [key, text] of fields) {
    if (![...required, ...optional].includes(key)) throw new ConfigError(`${what} has an unknown field ${key}`);
    if (typeof text !== 'string') throw new ConfigError(`${what}: ${key} must be a text`);
  }
  const found: Record<string, string> = Object.fromEntries(fields);
  for (const key of required) if (!found[key]) throw new ConfigError(`${what} needs ${key}`);
  return found;
}
