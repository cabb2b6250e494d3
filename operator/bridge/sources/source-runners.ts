/** The parts that know how files arrive, as runners of sources; and the server to which events are posted. */
import type { Clock } from '#common/clock.ts';
import { type HttpServer, listen } from '#common/http-server.ts';
import type { Logger } from '#common/log.ts';
import { createWebhookServer } from '#operator/bridge/events/webhook.ts';
import { createFolderRunner } from './run-folder-source.ts';
import { runQueueSource } from './run-queue-source.ts';
import { createWebhooks } from './run-webhook-source.ts';
import type { SourceRunners } from './source-runner.ts';

export function createSourceRunners(deps: { log: Logger; clock: Clock; signal: AbortSignal }): {
  runners: SourceRunners;
  /** Takes posted events from now on. */
  listen(port: number): Promise<HttpServer>;
} {
  const webhooks = createWebhooks();
  const server = createWebhookServer({ ...deps, lookup: webhooks.lookup });
  return {
    runners: { sqs: runQueueSource, webhook: webhooks.run, sftp: createFolderRunner() },
    listen: (port) => listen(server, port),
  };
}
