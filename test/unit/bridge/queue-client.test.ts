import { describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import { createQueueClient, explainQueueError } from '#operator/bridge/events/queue-client.ts';

describe('where a queue is', () => {
  it.each([
    ['https://sqs.eu-west-1.amazonaws.com/111122223333/arrivals', 'eu-west-1'],
    ['https://sqs.cn-north-1.amazonaws.com.cn/111122223333/arrivals', 'cn-north-1'],
    ['https://sqs-fips.us-gov-west-1.amazonaws.com/111122223333/arrivals', 'us-gov-west-1'],
    ['https://vpce-0a1b-x.sqs.us-east-2.vpce.amazonaws.com/111122223333/arrivals', 'us-east-2'],
    ['https://eu-central-1.queue.amazonaws.com/111122223333/arrivals', 'eu-central-1'],
  ])('its URL names the region: %s', async (queueUrl, region) => {
    expect(await createQueueClient({ queueUrl }).config.region()).toBe(region);
    expect(await createQueueClient({ queueUrl, region: 'eu-north-1' }).config.region()).toBe('eu-north-1');
  });

  it('is reached at its URL, unless there is an endpoint', async () => {
    const queueUrl = 'http://sqs.example.com:9324/1/arrivals';
    const endpointOf = (endpoint?: string) => createQueueClient({ queueUrl, endpoint }).config.endpoint!();
    expect(await endpointOf()).toMatchObject({ hostname: 'sqs.example.com', port: 9324 });
    expect(await endpointOf('http://10.0.0.1:4566')).toMatchObject({ hostname: '10.0.0.1', port: 4566 });
  });
});

describe('what an error means', () => {
  it.each([
    [{ name: 'QueueDoesNotExist', $metadata: { httpStatusCode: 400 } }, 'QueueNotFound'],
    [{ name: 'AWS.SimpleQueueService.NonExistentQueue' }, 'QueueNotFound'],
    [{ name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } }, 'QueueAccessDenied'],
    [{ name: 'KmsAccessDenied' }, 'QueueAccessDenied'],
    [{ name: 'InvalidClientTokenId', $metadata: { httpStatusCode: 403 } }, 'QueueAccessDenied'],
    [{ name: 'CredentialsProviderError' }, 'QueueAccessDenied'],
    [{ name: 'Unknown', $metadata: { httpStatusCode: 403 } }, 'QueueAccessDenied'],
    [{ name: 'RequestThrottled', $metadata: { httpStatusCode: 400 } }, 'QueueUnavailable'],
    [{ name: 'Error', code: 'ECONNREFUSED' }, 'QueueUnavailable'],
    [undefined, 'QueueUnavailable'],
    [
      new Fault({ code: 'CFG_SECRET', category: 'permanent', reason: 'SecretMissing', message: 'create it' }),
      'SecretMissing',
    ],
  ])('%o: %s', (error, reason) => {
    expect(explainQueueError(error).reason).toBe(reason);
  });
});
