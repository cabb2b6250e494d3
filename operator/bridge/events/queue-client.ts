/** Clients of queues, and what their errors mean. */
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import type { Explanation } from '#api/explanation.ts';
import { Fault } from '#common/faults.ts';
import { LIMIT_ANSWER, limitAnswer } from '#operator/bridge/storage/limit-answer.ts';

export interface QueueAccess {
  queueUrl: string;
  endpoint?: string | undefined;
  region?: string | undefined;
  /** Default: what the SDK finds in the environment of the bridge. */
  credentials?: SQSClientConfig['credentials'];
}

/** One client for each consumer: a long poll holds a connection all the time. */
export function createQueueClient({ queueUrl, endpoint, region, credentials }: QueueAccess): SQSClient {
  const client = new SQSClient({
    // Without it the SDK warns at every call that the queue is elsewhere than it thought.
    endpoint: endpoint ?? new URL(queueUrl).origin,
    region: region ?? regionOf(queueUrl) ?? process.env['AWS_REGION'] ?? 'us-east-1',
    // Tries are ours: an error is shown in the status at once.
    maxAttempts: 1,
    ...(credentials && { credentials }),
  });
  client.middlewareStack.add((next) => limitAnswer(next), LIMIT_ANSWER);
  return client;
}

/** `https://sqs.<region>.amazonaws.com/…`, also behind a VPC endpoint, and the older `<region>.queue.amazonaws.com`. */
function regionOf(queueUrl: string): string | undefined {
  const host = new URL(queueUrl).hostname;
  return (/(?:^|\.)sqs(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?amazonaws\./.exec(host) ??
    /^([a-z]{2}-[a-z0-9-]+)\.queue\.amazonaws\./.exec(host))?.[1];
}

interface SdkError {
  name?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

const NOT_FOUND = /^(QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue|QueueDeletedRecently|InvalidAddress)$/;
const DENIED =
  /AccessDenied|InvalidClientTokenId|InvalidSecurity|UnrecognizedClient|SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|CredentialsProviderError|NotAuthorized|OptInRequired/;

/** What is wrong with the queue and what a person can do about it. The SDK's own message may hold account numbers and key ids. */
export function explainQueueError(error: unknown): Explanation {
  // Of whatever gives the credentials, such as a Secret that is gone.
  if (error instanceof Fault) return { reason: error.reason, message: error.message };
  const { name = '', code = '', $metadata } = (error ?? {}) as SdkError;
  const status = $metadata?.httpStatusCode;
  if (NOT_FOUND.test(name)) {
    return {
      reason: 'QueueNotFound',
      message: 'There is no such queue: correct sqs.queueUrl or sqs.region, or create the queue.',
    };
  }
  if (DENIED.test(name) || status === 401 || status === 403) {
    return {
      reason: 'QueueAccessDenied',
      message: `The queue refused access (${name || `HTTP ${status}`}): check the keys in the Secret (sqs.credentialsSecretRef), and that they may receive, delete and change the visibility of its messages.`,
    };
  }
  const what = name === 'Error' || name === '' ? code || 'no answer' : name;
  const message = `The queue cannot be reached or failed (${status ? `HTTP ${status}, ` : ''}${what}); it is tried again.`;
  return { reason: 'QueueUnavailable', message };
}
