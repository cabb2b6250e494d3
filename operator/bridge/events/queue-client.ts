/** Creates clients for queues, and explains their errors. */
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import type { Explanation } from '#api/explanation.ts';
import { Fault } from '#common/faults.ts';
import { LIMIT_ANSWER, limitAnswer } from '#operator/tenancy/limit-answer.ts';

export interface QueueAccess {
  queueUrl: string;
  endpoint?: string | undefined;
  region?: string | undefined;
  /** Default: the credentials that the SDK finds in the environment of the bridge. */
  credentials?: SQSClientConfig['credentials'];
}

/** Each consumer has a client of its own, since a long poll holds a connection all the time. */
export function createQueueClient({ queueUrl, endpoint, region, credentials }: QueueAccess): SQSClient {
  const client = new SQSClient({
    // Without an endpoint the SDK warns at every call that the queue's URL names another host than the SDK expects.
    endpoint: endpoint ?? new URL(queueUrl).origin,
    region: region ?? regionOf(queueUrl) ?? process.env['AWS_REGION'] ?? 'us-east-1',
    // The bridge makes the retries itself, so that the status shows each error at once.
    maxAttempts: 1,
    ...(credentials && { credentials }),
  });
  client.middlewareStack.add((next) => limitAnswer(next), LIMIT_ANSWER);
  return client;
}

/** Finds the region in `sqs.<region>.amazonaws.com`, in a VPC endpoint's host, or in `<region>.queue.amazonaws.com`. */
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

/**
 * Explains an error to the owner of a source. The SDK's own message is left out, since it may contain account numbers.
 */
export function explainQueueError(error: unknown): Explanation {
  // A Fault comes from the function that reads the credentials, for example when their Secret was deleted.
  if (error instanceof Fault) return { reason: error.reason, message: error.message };
  const { name = '', code = '', $metadata } = (error ?? {}) as SdkError;
  const status = $metadata?.httpStatusCode;
  if (NOT_FOUND.test(name)) {
    return {
      reason: 'QueueNotFound',
      message: 'The queue does not exist. Correct sqs.queueUrl or sqs.region, or create the queue.',
    };
  }
  if (DENIED.test(name) || status === 401 || status === 403) {
    return {
      reason: 'QueueAccessDenied',
      message: `The queue refused access (${name || `HTTP ${status}`}). Check the keys in the Secret (sqs.credentialsSecretRef): they must be allowed to receive, delete and change the visibility of messages.`,
    };
  }
  const cause = name === 'Error' || name === '' ? code || 'no answer' : name;
  const message = `The queue cannot be reached, or it failed (${status ? `HTTP ${status}, ` : ''}${cause}). The bridge tries again.`;
  return { reason: 'QueueUnavailable', message };
}
