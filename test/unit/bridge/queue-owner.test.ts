import { describe, expect, it } from 'vitest';
import { findQueueRivals as findRivals, type QueueClaim } from '#operator/bridge/sources/queue-owner.ts';
import { testSource } from '#support/bridge/upload-source.ts';

const NOTHING: QueueClaim = { received: null, failing: false };
/** What is known of each source by its name; nothing of most. */
type Claims = Record<string, Partial<QueueClaim> | null>;
const findQueueRivals = (sources: Parameters<typeof findRivals>[0], claims: Claims = {}) =>
  findRivals(sources, (key) => {
    const claim = claims[key.slice('ns/'.length)];
    return claim === null ? null : { ...NOTHING, ...claim };
  });

const s3 = { bucket: 'bucket', prefix: '' };
const source = (name: string, queueUrl: string, creationTimestamp: string) => {
  const made = testSource(name, { s3, s3Event: { sqs: { queueUrl }, relistSeconds: 600 } });
  return { ...made, metadata: { ...made.metadata, creationTimestamp } };
};
const QUEUE = 'https://sqs.eu-west-1.amazonaws.com/1/a';

it('before one has received, the oldest has the queue, then the first by name; written in another way it is the same queue', () => {
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

describe('naming a queue gives no right to it', () => {
  const old = source('old', QUEUE, '2026-01-01T00:00:00Z');
  const young = source('young', QUEUE, '2026-01-02T00:00:00Z');
  const third = source('third', QUEUE, '2026-01-03T00:00:00Z');
  const suspended = (of: typeof old) => ({ ...of, spec: { ...of.spec, suspend: true } });
  const rivalsOf = (sources: (typeof old)[], claims: Claims) => Object.fromEntries(findQueueRivals(sources, claims));

  it('the source that has received owns the queue, however old another one is', () => {
    expect(rivalsOf([old, young], { young: { received: QUEUE } })).toEqual({ 'ns/old': 'ns/young' });
    const both = { old: { received: QUEUE }, young: { received: QUEUE } };
    expect(rivalsOf([old, young], both)).toEqual({ 'ns/young': 'ns/old' });
  });

  it('what it received from another queue does not count', () => {
    const elsewhere = 'https://sqs.eu-west-1.amazonaws.com/1/other';
    expect(rivalsOf([old, young], { young: { received: elsewhere } })).toEqual({ 'ns/young': 'ns/old' });
  });

  it('an owner that fails keeps the queue: its keys may be renewed at this moment', () => {
    const claims = { old: { received: QUEUE, failing: true } };
    expect(rivalsOf([old, young], claims)).toEqual({ 'ns/young': 'ns/old' });
  });

  it('while none has received: those that fail go on, and the next one tries too', () => {
    expect(rivalsOf([old, young, third], { old: { failing: true } })).toEqual({ 'ns/third': 'ns/young' });
    expect(rivalsOf([old, young], { old: { failing: true }, young: { failing: true } })).toEqual({});
  });

  it('a source that is suspended before it has received stands in nobody’s way, and keeps what it owns', () => {
    expect(rivalsOf([suspended(old), young], {})).toEqual({ 'ns/old': 'ns/young' });
    expect(rivalsOf([suspended(old), young], { old: { received: QUEUE } })).toEqual({ 'ns/young': 'ns/old' });
  });

  it('a source whose spec is refused has nothing', () => {
    expect(rivalsOf([old, young], { old: null })).toEqual({});
  });
});
