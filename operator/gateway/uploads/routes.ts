import type { GatewayApp, GatewayDeps } from '#operator/gateway/model/types.ts';

export function uploadRoutes(_app: GatewayApp, _deps: GatewayDeps): void {}
