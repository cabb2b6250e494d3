/** The API server's address and our credentials for it, from a kubeconfig or from the pod's own service account. */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { type Clock, systemClock } from '#common/clock.ts';
import { cacheCredentials } from './credential-cache.ts';

export interface TlsMaterial {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  servername?: string | undefined;
  rejectUnauthorized?: boolean | undefined;
}

export interface Credentials {
  /** Every request carries these headers; no log shows them. */
  headers: Record<string, string>;
  tls: TlsMaterial;
}

export interface KubeAccess {
  /** URL of the API server; it may have a path. */
  readonly server: string;
  /** HTTP proxy, from the kubeconfig's `proxy-url`. */
  readonly proxyUrl?: string | undefined;
  /** Namespace of the kubeconfig's context, or of the pod. */
  readonly namespace?: string | undefined;
  credentials(): Promise<Credentials>;
  /** The server answered 401: read the credentials again before the next request. */
  invalidate(): void;
}

export interface LoadAccessOptions {
  /** Path of a kubeconfig. When absent: `KUBECONFIG`, then `~/.kube/config`, then the pod's service account. */
  kubeconfig?: string | undefined;
  context?: string | undefined;
  clock?: Clock;
}

export function loadAccess({ kubeconfig, context, clock = systemClock }: LoadAccessOptions = {}): KubeAccess {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  return createAccess(config, clock);
}

export function createAccess(config: KubeConfig, clock: Clock = systemClock): KubeAccess {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('The kubeconfig has no current context with a cluster: set current-context');
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace?.trim();
  // The library refuses plain HTTP unless verification of TLS is off.
  if (cluster.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true });

  return {
    server: cluster.server,
    proxyUrl: cluster.proxyUrl,
    namespace: namespace === '' ? undefined : namespace,
    ...cacheCredentials(() => readCredentials(config), clock),
  };
}

async function readCredentials(config: KubeConfig): Promise<Credentials> {
  // This call runs exec plugins and auth providers, and reads the files that the kubeconfig names.
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  // The library caches a token file for a minute, even after a 401. That is too long, so the file is read here.
  const tokenFile: unknown = config.getCurrentUser()?.authProvider?.config?.tokenFile;
  if (typeof tokenFile === 'string') {
    headers['authorization'] = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
  }
  return {
    headers,
    tls: {
      ca: asText(options.ca),
      cert: asText(options.cert),
      key: asText(options.key),
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized,
    },
  };
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
}
