/** A real SQS-compatible server (fauxqs, in memory) as a process: one for each test, and one for `make up`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';

export interface SqsServer extends AsyncDisposable {
  endpoint: string;
  port: number;
  region: string;
  client: SQSClient;
  /** @returns the URL of the queue */
  createQueue(name: string, attributes?: Record<string, string>): Promise<string>;
  send(queueUrl: string, body: string): Promise<void>;
  /** Counts the messages that can be received now, and the messages in flight. */
  count(queueUrl: string): Promise<{ visible: number; hidden: number }>;
  stop(): Promise<void>;
}

export interface SqsServerOptions {
  /** Default: a free port. The server listens on every address, and accepts any host in the URL of a queue. */
  port?: number;
  /** Lets the server outlive this process. */
  detached?: boolean;
  /** Default: a file in a temporary folder. */
  logFile?: string;
}

const REGION = 'us-east-1';

export async function startSqsServer(options: SqsServerOptions = {}): Promise<SqsServer> {
  const { detached = false } = options;
  const port = options.port ?? (await findFreePort());
  const folder = options.logFile ? null : await mkdtemp(join(tmpdir(), 'batch-upload-sqs-'));
  const endpoint = `http://127.0.0.1:${port}`;
  const server = await startServerProcess({
    name: 'fauxqs',
    command: [process.execPath, fileURLToPath(new URL('../../../node_modules/fauxqs/dist/server.js', import.meta.url))],
    env: { FAUXQS_PORT: String(port), FAUXQS_DEFAULT_REGION: REGION, FAUXQS_LOGGER: 'false' },
    logFile: options.logFile ?? join(folder!, 'fauxqs.log'),
    probe: async () => {
      const response = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(2000) });
      if (!response.ok) throw new Error(`health check: ${response.status}`);
    },
    stopSignal: 'SIGKILL',
    detached,
  });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' };
  const client = new SQSClient({ endpoint, region: REGION, credentials });
  const stop = async () => {
    client.destroy();
    await server.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  };
  return {
    endpoint,
    port,
    region: REGION,
    client,
    async createQueue(name, attributes = {}) {
      const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
      return QueueUrl!;
    },
    async send(queueUrl, body) {
      await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body }));
    },
    async count(queueUrl) {
      const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...AttributeNames] }),
      );
      const [visible, hidden] = AttributeNames.map((name) => Number(Attributes[name])) as [number, number];
      return { visible, hidden };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
