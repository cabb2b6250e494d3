import type { GatewayApp, GatewayDeps } from '#operator/gateway/model/types.ts';

export function fileRoutes(_app: GatewayApp, _deps: GatewayDeps): void {}
