/** What signing in and out needs. */
import type { Clock } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import type { OidcSettings } from '#operator/config/gateway-config.ts';
import type { PageSettings } from '#operator/config/page-config.ts';
import type { Authorizer } from '#operator/gateway/access/authorize.ts';
import type { GatewayMetrics } from '#operator/gateway/model/metrics.ts';
import type { Provider } from './provider.ts';
import type { Seal } from './seal.ts';
import type { SessionStore } from './sessions.ts';

export interface SessionDeps {
  page: PageSettings;
  oidcSettings: OidcSettings;
  namespaces: readonly string[];
  authorizer: Authorizer;
  provider: Provider;
  seal: Seal;
  sessions: SessionStore;
  clock: Clock;
  log: Logger;
  metrics: GatewayMetrics;
}
