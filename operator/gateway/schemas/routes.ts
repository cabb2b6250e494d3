import type { GatewayApp, GatewayDeps } from '#operator/gateway/model/types.ts';

export function schemaRoutes(_app: GatewayApp, _deps: GatewayDeps): void {}
