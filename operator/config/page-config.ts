/** The configuration of the staff page, which the gateway serves. */
import { ConfigError } from '#common/config.ts';
import { isSafeUrl } from './safe-url.ts';

export interface PageSettings {
  /** The origin under which browsers reach the gateway, such as https://uploads.example.com. */
  origin: string;
  /** The page as a client of the identity provider. */
  clientId: string;
  scopes: string;
  /** A person signs in again after this time. */
  sessionHours: number;
  /** The folder with `session-key` and, if the provider wants one, `client-secret`. */
  secretFolder: string;
  /** The folder with the page as Vite has built it; null: page/dist of the program itself. */
  filesFolder: string | null;
  /** The ConfigMap in which all replicas keep the sessions that were signed out. */
  endedSessions: { namespace: string; name: string };
}

/** Variables of the staff page. */
export const PAGE_ENV = {
  /**
   * The staff page, as JSON: `origin` (https://…) and `clientId` and, if needed, `scopes` and `sessionHours`. It needs
   * BATCH_UPLOAD_GATEWAY_OIDC. When absent, there is no page, and no cookie is a proof.
   */
  page: 'BATCH_UPLOAD_GATEWAY_PAGE',
  /** The folder with `session-key` and, if needed, `client-secret`, as Kubernetes mounts a Secret; /page-secret when absent. */
  secretFolder: 'BATCH_UPLOAD_GATEWAY_PAGE_SECRET_FOLDER',
  /** The folder with the files of the built page; page/dist beside the program when absent. */
  filesFolder: 'BATCH_UPLOAD_GATEWAY_PAGE_FILES',
  /** The ConfigMap in the gateway's namespace that holds ended sessions; batch-upload-gateway-ended-sessions when absent. */
  endedSessions: 'BATCH_UPLOAD_GATEWAY_ENDED_SESSIONS',
  /** The namespace of the gateway's pod, set by the downward API; `default` when absent. */
  podNamespace: 'POD_NAMESPACE',
} as const;

const SESSION_HOURS = 8;
const MOST_SESSION_HOURS = 24;
const FIELDS = ['origin', 'clientId', 'scopes', 'sessionHours'];

/** @throws ConfigError that names the variable and what is allowed. */
export function readPage(env: NodeJS.ProcessEnv, value: Record<string, unknown> | null): PageSettings | null {
  const name = PAGE_ENV.page;
  if (value === null) return null;
  const unknown = Object.keys(value).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined) throw new ConfigError(`${name} has an unknown field ${unknown}`);
  const { origin, clientId, scopes = 'openid profile email', sessionHours = SESSION_HOURS } = value;
  if (typeof origin !== 'string' || !isSafeUrl(origin) || new URL(origin).origin !== origin) {
    throw new ConfigError(`${name}: origin must be the origin of the page, such as https://uploads.example.com`);
  }
  if (typeof clientId !== 'string' || clientId === '') throw new ConfigError(`${name} needs clientId`);
  if (typeof scopes !== 'string' || !scopes.split(' ').includes('openid')) {
    throw new ConfigError(`${name}: scopes must be a text with openid among its words`);
  }
  if (typeof sessionHours !== 'number' || !(sessionHours > 0) || sessionHours > MOST_SESSION_HOURS) {
    throw new ConfigError(`${name}: sessionHours must be above 0 and at most ${MOST_SESSION_HOURS}`);
  }
  return {
    origin,
    clientId,
    scopes,
    sessionHours,
    secretFolder: env[PAGE_ENV.secretFolder] || '/page-secret',
    filesFolder: env[PAGE_ENV.filesFolder] || null,
    endedSessions: {
      namespace: env[PAGE_ENV.podNamespace] || 'default',
      name: env[PAGE_ENV.endedSessions] || 'batch-upload-gateway-ended-sessions',
    },
  };
}
