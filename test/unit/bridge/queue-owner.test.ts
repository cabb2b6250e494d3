import { expect, it } from 'vitest';
import { findQueueRivals } from '#operator/bridge/sources/queue-owner.ts';
import { testSource } from '#support/bridge/upload-source.ts';

const s3 = { bucket: 'bucket', prefix: '' };
const source = (name: string, queueUrl: string, creationTimestamp: string) => {
  const made = testSource(name, { s3, s3Event: { sqs: { queueUrl }, relistSeconds: 600 } });
  return { ...made, metadata: { ...made.metadata, creationTimestamp } };
};
const QUEUE = 'https://sqs.eu-west-1.amazonaws.com/1/a';

it('the oldest has the queue, then the first by name; written in another way it is the same queue', () => {
  const sources = [
    source('d', `${QUEUE}/`, '2026-01-03T00:00:00Z'),
    source('c', 'https://SQS.eu-west-1.amazonaws.com:443/1/a', '2026-01-02T00:00:00Z'),
    source('b', QUEUE, '2026-01-02T00:00:00Z'),
    source('z', 'https://sqs.eu-west-1.amazonaws.com/1/other', '2026-01-04T00:00:00Z'),
    testSource('poll', { s3 }),
  ];
  const rivals = new Map([
    ['ns/d', 'ns/b'],
    ['ns/c', 'ns/b'],
  ]);
  expect(findQueueRivals(sources)).toEqual(rivals);
  expect(findQueueRivals([...sources].reverse())).toEqual(rivals);
});

it('one that is being deleted has nothing', () => {
  const first = source('a', QUEUE, '2026-01-01T00:00:00Z');
  const going = { ...first, metadata: { ...first.metadata, deletionTimestamp: '2026-01-05T00:00:00Z' } };
  expect(findQueueRivals([going, source('b', QUEUE, '2026-01-02T00:00:00Z')]).size).toBe(0);
});

it('an endpoint is where the queue is, whatever the host in its URL', () => {
  const at = (name: string, host: string, endpoint?: string) => {
    const made = source(name, `http://${host}/1/a`, `2026-01-0${name}T00:00:00Z`);
    if (endpoint) made.spec.s3Event!.sqs!.endpoint = endpoint;
    return made;
  };
  const rivals = (...sources: ReturnType<typeof at>[]) => [...findQueueRivals(sources).keys()];
  expect(rivals(at('1', 'localhost:4100', 'http://a:1'), at('2', 'localhost:4100', 'http://b:1'))).toEqual([]);
  expect(rivals(at('1', 'a:1'), at('2', 'other', 'http://a:1/'), at('3', 'a:1'))).toEqual(['ns/2', 'ns/3']);
});
