/** How long requests take, by route: the paths that senders make up share one, so that their number stays bounded. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayMetrics } from '#operator/gateway/model/metrics.ts';
import type { GatewayApp } from '#operator/gateway/model/types.ts';

export function measureRequests(app: GatewayApp, { requests }: Pick<GatewayMetrics, 'requests'>): void {
  const observe = ({ method, routeOptions }: FastifyRequest, reply: FastifyReply) =>
    requests.observe(
      { method, route: routeOptions.url ?? 'none', status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    );
  const isWatch = (reply: FastifyReply) => String(reply.getHeader('content-type')).startsWith('text/event-stream');
  // A watch is open for as long as its sender likes: it counts when it begins.
  app.addHook('onSend', async (request, reply) => {
    if (isWatch(reply)) observe(request, reply);
  });
  app.addHook('onResponse', async (request, reply) => {
    if (!isWatch(reply)) observe(request, reply);
  });
}
