/** Builds the receivers of all kinds of sources, and the HTTP server to which events are posted. */
import type { Clock } from '#common/clock.ts';
import { type HttpServer, listen } from '#common/http-server.ts';
import type { Logger } from '#common/log.ts';
import { createWebhookServer } from '#operator/bridge/events/webhook.ts';
import { receiveFromQueue } from './queue-receiver.ts';
import type { Receivers } from './run-source.ts';
import { createSftpReceiver } from './sftp-receiver.ts';
import { createWebhookReceiver } from './webhook-receiver.ts';

export function createReceivers(deps: { log: Logger; clock: Clock; signal: AbortSignal }): {
  receivers: Receivers;
  /** Opens the port for posted events. */
  listen(port: number): Promise<HttpServer>;
} {
  const webhooks = createWebhookReceiver();
  const server = createWebhookServer({ ...deps, lookup: webhooks.lookup });
  return {
    receivers: { sqs: receiveFromQueue, webhook: webhooks.run, sftp: createSftpReceiver() },
    listen: (port) => listen(server, port),
  };
}
