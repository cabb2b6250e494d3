/** The door of this room: sessions and their endpoints, from the configuration of the page. */
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { ConfigMap } from '#kube/resource-types.ts';
import type { KubeClient, Reflector } from '#kube/types.ts';
import type { GatewayConfig } from '#operator/config/gateway-config.ts';
import type { Authorizer } from '#operator/gateway/access/authorize.ts';
import type { GatewayMetrics } from '#operator/gateway/model/metrics.ts';
import type { GatewayApp, Sessions } from '#operator/gateway/model/types.ts';
import { EndedSessions } from './ended-sessions.ts';
import { loginRoutes } from './login.ts';
import { openPageSecret } from './page-secret.ts';
import { createProvider } from './provider.ts';
import { createSeal } from './seal.ts';
import type { SessionDeps } from './session-deps.ts';
import { sessionRoutes } from './session-routes.ts';
import { createSessions } from './sessions.ts';

export interface OpenedSessions {
  sessions: Sessions;
  /** The ConfigMap of the sessions that were signed out. */
  ended: Reflector<ConfigMap>;
  /** Adds the endpoints for browsers: /page/login, /page/callback, /page/session, /page/logout, /page/signed-out. */
  addRoutes(app: GatewayApp, deps: { authorizer: Authorizer }): void;
  /** Watches which sessions end, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** @returns null when the page is off. @throws ConfigError */
export function openSessions(deps: {
  config: GatewayConfig;
  client: KubeClient;
  clock: Clock;
  log: Logger;
  metrics: GatewayMetrics;
}): OpenedSessions | null {
  const { config, clock, log, metrics } = deps;
  const { page, oidc: oidcSettings } = config;
  if (!page || !oidcSettings) return null;
  const secret = openPageSecret(page.secretFolder, { log, clock });
  const { issuer, userClaim, groupsClaim, prefix } = oidcSettings;
  const { origin, clientId, sessionHours } = page;
  // A session of another installation is none of this one, and neither is one whose names were made in another way.
  const context = { origin, clientId, issuer, userClaim, groupsClaim, prefix };
  const seal = createSeal({ keys: () => secret().sessionKeys, context });
  const ended = new EndedSessions({ client: deps.client, clock, log, place: page.endedSessions });
  const sessions = createSessions({ origin, sessionHours, seal, ended, clock });
  const provider = createProvider({ issuer, page, clock, clientSecret: () => secret().clientSecret });
  return {
    sessions,
    ended: ended.reflector,
    addRoutes(app, { authorizer }) {
      const { namespaces } = config;
      const all: SessionDeps = {
        page,
        oidcSettings,
        namespaces,
        authorizer,
        provider,
        seal,
        sessions,
        clock,
        log,
        metrics,
      };
      loginRoutes(app, all);
      sessionRoutes(app, all);
    },
    run: (signal) => ended.run(signal),
  };
}
