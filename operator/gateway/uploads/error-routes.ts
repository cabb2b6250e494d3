import type { GatewayApp, GatewayDeps } from '#operator/gateway/model/types.ts';

export function errorRoutes(_app: GatewayApp, _deps: GatewayDeps): void {}
