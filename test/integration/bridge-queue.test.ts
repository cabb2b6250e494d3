import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Explanation } from '#api/explanation.ts';
import { type Clock, systemClock } from '#common/clock.ts';
import { MAX_BODY_BYTES } from '#operator/bridge/events/parse-events.ts';
import { createQueueClient } from '#operator/bridge/events/queue-client.ts';
import { createQueueConsumer, MAX_RECEIVES, type QueueTimes } from '#operator/bridge/events/queue-consumer.ts';
import type { ObjectNotice, Outcome, RejectedEvent } from '#operator/bridge/model/types.ts';
import { type Admissions, createAdmissions, LATER } from '#support/bridge/admissions.ts';
import { type SqsServer, startSqsServer } from '#support/bridge/sqs-server.ts';
import { type FaultyProxy, type HttpFault, startFaultyProxy } from '#support/network/faulty-proxy.ts';
import { eventually } from '#support/process/eventually.ts';
import { FakeClock } from '#support/process/fake-clock.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';
import { awsEvent, eventFixture } from '#support/storage/s3-events.ts';

const TIMES: QueueTimes = { visibilitySeconds: 30, poisonSeconds: 0, laterMs: { base: 20, max: 40 } };
/**
 * The times of a consumer whose messages must come again soon although nobody gives them back. Such a message can also come
 * twice to this consumer itself, on a machine that does much else.
 */
const EXPIRING: Partial<QueueTimes> = { visibilitySeconds: 1 };

let server: SqsServer;
let queues = 0;

beforeAll(async () => {
  server = await startSqsServer();
});
afterAll(async () => {
  await server?.stop();
});

interface ConsumerOptions {
  /** Default: a new queue. */
  queueUrl?: string;
  endpoint?: string;
  admissions?: Admissions;
  reject?: (event: RejectedEvent) => Promise<void>;
  times?: Partial<QueueTimes>;
  clock?: Clock;
}

async function startConsumer(options: ConsumerOptions = {}) {
  const { admissions = createAdmissions(), clock = systemClock, endpoint = server.endpoint } = options;
  const queueUrl = options.queueUrl ?? (await createQueue());
  const client = createQueueClient({
    queueUrl,
    endpoint,
    region: server.region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test-secret' },
  });
  const log = createRecordingLog();
  const seen = {
    events: 0,
    problems: [] as (Explanation | null)[],
    failed: [] as string[],
    ignored: [] as string[],
    warned: [] as string[],
    rejected: [] as RejectedEvent[],
    waitingSince: [] as (number | null)[],
    /** The names of the actions that were called, in order. */
    calls: [] as string[],
  };
  client.middlewareStack.add(
    (next, context) => (args) => {
      seen.calls.push(String(context.commandName).replace(/Command$/, ''));
      return next(args);
    },
    { step: 'initialize' },
  );
  const consumer = createQueueConsumer({
    client,
    queueUrl,
    admit: admissions.admit,
    reject: options.reject ?? (async (event) => void seen.rejected.push(event)),
    recorder: {
      event: () => (seen.events += 1),
      problem: (activity, why) => activity === 'receive' && seen.problems.push(why),
      failed: (_, { reason }) => seen.failed.push(reason),
      ignored: (_, { reason }) => seen.ignored.push(reason),
      warn: ({ reason }) => seen.warned.push(reason),
      waitingSince: (_, since) => seen.waitingSince.push(since),
    },
    clock,
    log,
    times: { ...TIMES, ...options.times },
  });
  const end = new AbortController();
  const running = consumer.run(end.signal);
  const stop = async () => {
    end.abort();
    await running;
  };
  return {
    queueUrl,
    admissions,
    seen,
    log,
    stop,
    keys: () => admissions.notices.map(({ key }) => key),
    send: (body: string) => server.send(queueUrl, body),
    [Symbol.asyncDispose]: async () => {
      await stop();
      client.destroy();
    },
  };
}

async function createQueue(): Promise<string> {
  queues += 1;
  return server.createQueue(`arrivals-${queues}`);
}

/** A proxy between a consumer and the server, whose faults depend on the action. */
async function startProxy(faultOf: (action: string) => HttpFault | null): Promise<FaultyProxy> {
  return startFaultyProxy(server.endpoint, ({ headers }) =>
    faultOf(String(headers['x-amz-target']).replace('AmazonSQS.', '')),
  );
}

async function empty(queueUrl: string): Promise<void> {
  await eventually('the queue is empty', async () => {
    const { visible, hidden } = await server.count(queueUrl);
    return visible + hidden === 0;
  });
}

const event = (...keys: string[]) => awsEvent(keys.map((key) => ({ key })));
const created = ({ key }: ObjectNotice): Outcome => ({ kind: 'Created', name: key });

describe('a message', () => {
  it('is deleted once its object has an upload', async () => {
    await using consumer = await startConsumer();
    const before = Date.now();
    await consumer.send(event('in/a b+c.csv'));
    await empty(consumer.queueUrl);
    const { notices } = consumer.admissions;
    expect(notices).toMatchObject([{ bucket: 'bank-files', key: 'in/a b+c.csv', event: { id: 'C3D13FE58DE4C810' } }]);
    expect(consumer.seen).toMatchObject({ events: 1, rejected: [], failed: [] });
    expect(new Set(consumer.seen.problems)).toEqual(new Set([null]));
    // The wait of a message counts from the time at which it was sent.
    const since = consumer.seen.waitingSince.filter((time) => time !== null);
    expect(since[0]).toBeGreaterThanOrEqual(before - 1);
    expect(since[0]).toBeLessThanOrEqual(Date.now());
    await eventually('nothing waits', () => consumer.seen.waitingSince.at(-1) === null);
  });

  it('the queue is known to answer before the first message', async () => {
    await using consumer = await startConsumer();
    await eventually('an answer', () => consumer.seen.problems.length > 0);
    expect(consumer.seen.problems[0]).toBe(null);
  });

  it('of several records is deleted when all are done, and only those that wait are admitted again', async () => {
    await using consumer = await startConsumer();
    let tries = 0;
    consumer.admissions.answer((notice) => {
      if (notice.key !== 'growing') return created(notice);
      tries += 1;
      return tries < 4 ? LATER : created(notice);
    });
    await consumer.send(event('done', 'growing', 'other'));
    await empty(consumer.queueUrl);
    expect(consumer.keys()).toEqual(['done', 'growing', 'other', 'growing', 'growing', 'growing']);
    // The message is held and not received again, since each receive counts towards a dead letter queue.
    expect(consumer.seen.events).toBe(1);
  });

  it('of no arrival is deleted too', async () => {
    await using consumer = await startConsumer();
    await consumer.send(eventFixture('aws-test'));
    await consumer.send(eventFixture('versitygw-delete'));
    await empty(consumer.queueUrl);
    expect(consumer.seen.ignored.toSorted()).toEqual(['ObjectRemoved', 'TestEvent']);
    expect(consumer.admissions.notices).toEqual([]);
  });

  it('stays hidden from others as long as admission works', async () => {
    // A renewal may come two seconds late, as on a machine that does much else.
    await using consumer = await startConsumer({ times: { visibilitySeconds: 3 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    consumer.admissions.answer(async (notice) => {
      await promise;
      return created(notice);
    });
    await consumer.send(event('slow.csv'));
    // A renewal comes with each second. Without them the message would have come again by the fourth.
    const renewals = () => consumer.seen.calls.filter((name) => name === 'ChangeMessageVisibility').length;
    await eventually('renewals', () => renewals() >= 4);
    expect(await server.count(consumer.queueUrl)).toEqual({ visible: 0, hidden: 1 });
    expect(consumer.seen.events).toBe(1);
    resolve();
    await empty(consumer.queueUrl);
    expect(consumer.keys()).toEqual(['slow.csv']);
  });

  it('comes again when admission failed', async () => {
    await using consumer = await startConsumer();
    let tries = 0;
    consumer.admissions.answer((notice) => {
      tries += 1;
      return tries < 3 ? Promise.reject(new Error('the ledger is away')) : created(notice);
    });
    await consumer.send(event('a.csv'));
    await empty(consumer.queueUrl);
    expect(consumer.keys()).toEqual(['a.csv', 'a.csv', 'a.csv']);
  });

  it('of a topic of SNS is understood, raw or wrapped', async () => {
    await using consumer = await startConsumer();
    const topic = await createTopic('arrivals');
    await subscribe(topic, consumer.queueUrl);
    await publish(topic, event('by topic.csv'));
    await empty(consumer.queueUrl);
    await publish(topic, eventFixture('eventbridge'));
    await empty(consumer.queueUrl);
    expect(consumer.keys()).toEqual(['by topic.csv', 'in/Bericht März+1%20.csv']);
  });
});

describe('many messages', () => {
  it('are taken a few at a time', async () => {
    await using consumer = await startConsumer();
    let active = 0;
    let most = 0;
    consumer.admissions.answer(async (notice) => {
      active += 1;
      most = Math.max(most, active);
      await new Promise((resolve) => setImmediate(resolve));
      active -= 1;
      return created(notice);
    });
    const keys = Array.from({ length: 100 }, (_, index) => `${index}.csv`);
    await Promise.all(keys.map((key) => consumer.send(event(key))));
    await empty(consumer.queueUrl);
    expect(consumer.keys().toSorted()).toEqual(keys.toSorted());
    expect(most).toBeLessThanOrEqual(10);
  });

  it('that wait do not keep others from being taken, and are given back at the end', async () => {
    await using consumer = await startConsumer({
      times: { ...EXPIRING, laterMs: { base: 600_000, max: 600_000 } },
      // No limit of the last calls runs out. Otherwise a message that is not given back in time stays hidden.
      clock: new FakeClock(),
    });
    consumer.admissions.answer((notice) => (notice.key.startsWith('growing') ? LATER : created(notice)));
    const growing = Array.from({ length: 25 }, (_, index) => `growing ${index}`);
    for (const key of growing) await consumer.send(event(key));
    await eventually('all that grow were taken', () => new Set(consumer.keys()).size === 25);
    await consumer.send(event('done.csv'));
    await eventually('the other one', () => consumer.keys().includes('done.csv'));
    await eventually('the other one is deleted, and all that grow are hidden', async () => {
      const { visible, hidden } = await server.count(consumer.queueUrl);
      return visible === 0 && hidden === 25;
    });
    await consumer.stop();
    // The server may give some messages to the poll that was ended. These come again a second later.
    await using next = await startConsumer({ queueUrl: consumer.queueUrl });
    await empty(consumer.queueUrl);
    expect(next.keys().toSorted()).toEqual(growing.toSorted());
  });
});

describe('nothing is lost', () => {
  it('by a consumer that ends between admission and deletion: the message comes again, and its object is known', async () => {
    let cut = false;
    await using proxy = await startProxy((action) => {
      cut ||= action === 'DeleteMessage';
      return cut ? { status: 503 } : null;
    });
    const admissions = createAdmissions();
    const killed = await startConsumer({ admissions, endpoint: proxy.endpoint, times: EXPIRING });
    await killed.send(event('a.csv'));
    await eventually('admission, and no way to delete', () => cut);
    // The test behaves like a kill: no last call reaches the queue.
    await killed[Symbol.asyncDispose]();
    expect(await server.count(killed.queueUrl)).not.toEqual({ visible: 0, hidden: 0 });

    const outcomes: Outcome[] = [];
    const again: Admissions = {
      ...admissions,
      async admit(notices, signal) {
        const all = await admissions.admit(notices, signal);
        outcomes.push(...all);
        return all;
      },
    };
    await using next = await startConsumer({ admissions: again, queueUrl: killed.queueUrl });
    await empty(next.queueUrl);
    expect(outcomes).toEqual([{ kind: 'Known', name: 'a.csv' }]);
  });

  it('by an abort while nothing comes', async () => {
    // The server may give the message to the poll that was ended.
    const consumer = await startConsumer({ times: EXPIRING });
    await eventually('a long poll', () => consumer.seen.calls.length >= 2);
    await consumer[Symbol.asyncDispose]();
    await consumer.send(event('a.csv'));
    await using next = await startConsumer({ queueUrl: consumer.queueUrl });
    await empty(consumer.queueUrl);
    expect(next.keys()).toEqual(['a.csv']);
  });

  it('by an abort in the middle of an admission that does not care', async () => {
    await using consumer = await startConsumer({ times: EXPIRING });
    consumer.admissions.answer(() => new Promise(() => {}));
    await consumer.send(event('a.csv'));
    await eventually('admission', () => consumer.keys().length >= 1);
    await consumer.stop();
    expect(consumer.seen.calls.at(-1)).toBe('ChangeMessageVisibilityBatch');
    await using next = await startConsumer({ queueUrl: consumer.queueUrl });
    await empty(consumer.queueUrl);
    expect(next.keys()).toEqual(['a.csv']);
  });

  it('by an abort in the middle of an admission that ends then: nothing to give back', async () => {
    // The clock stands still, so that the time for the last work does not run out before the message is deleted.
    await using consumer = await startConsumer({ times: { visibilitySeconds: 600 }, clock: new FakeClock() });
    consumer.admissions.answer(
      (notice, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(created(notice)))),
    );
    await consumer.send(event('a.csv'));
    await eventually('admission', () => consumer.keys().length === 1);
    await consumer.stop();
    expect(await server.count(consumer.queueUrl)).toEqual({ visible: 0, hidden: 0 });
  });

  it('by lost answers', async () => {
    let deletions = 0;
    await using proxy = await startProxy((action) => {
      if (action !== 'DeleteMessage') return null;
      deletions += 1;
      return deletions === 1 ? { status: 500 } : deletions === 2 ? 'lost answer' : null;
    });
    await using consumer = await startConsumer({ endpoint: proxy.endpoint, times: { visibilitySeconds: 600 } });
    await consumer.send(event('a.csv'));
    await eventually('three tries', () => deletions === 3);
    await empty(consumer.queueUrl);
    expect(consumer.keys()).toEqual(['a.csv']);
  });
});

describe('what cannot be understood', () => {
  it.each([
    ['no JSON', 'hello'],
    ['something else', '{"hello":"world"}'],
    ['256 KiB of nested lists', '['.repeat(MAX_BODY_BYTES / 2) + ']'.repeat(MAX_BODY_BYTES / 2)],
  ])('is put aside after some tries: %s', async (_, body) => {
    await using consumer = await startConsumer();
    await consumer.send(body);
    await consumer.send(event('a.csv'));
    await empty(consumer.queueUrl);
    expect(consumer.seen.rejected).toEqual([
      { messageId: expect.any(String), reason: expect.stringMatching(/not JSON|neither/), body },
    ]);
    expect(consumer.seen.failed).toEqual(Array(MAX_RECEIVES - 1).fill('EventNotUnderstood'));
    await eventually('a warning', () => consumer.seen.warned.length > 0);
    expect(consumer.seen).toMatchObject({ ignored: ['EventNotUnderstood'], warned: ['EventRejected'] });
    expect(consumer.keys()).toEqual(['a.csv']);
  });

  it('is not deleted before it was put aside', async () => {
    let tries = 0;
    await using consumer = await startConsumer({
      reject: async () => {
        tries += 1;
        if (tries < 3) throw new Error('the ledger is away');
      },
      times: EXPIRING,
    });
    await consumer.send('hello');
    await empty(consumer.queueUrl);
    expect(tries).toBeGreaterThanOrEqual(3);
  });
});

describe('a queue that does not answer', () => {
  it('is not there: said at once, and used as soon as it is there', async () => {
    const name = `late-${process.pid}`;
    const queueUrl = `${server.endpoint}/000000000000/${name}`;
    await using consumer = await startConsumer({ queueUrl });
    await eventually('a problem', () => consumer.seen.problems.length > 0);
    expect(consumer.seen.problems[0]).toMatchObject({ reason: 'QueueNotFound' });
    await server.createQueue(name);
    await consumer.send(event('a.csv'));
    await empty(queueUrl);
    expect(consumer.seen.problems.at(-1)).toBe(null);
    expect(consumer.keys()).toEqual(['a.csv']);
  });

  it('refuses access: said at once, without what its message tells', async () => {
    let refusals = 2;
    await using proxy = await startProxy(() => {
      refusals -= 1;
      if (refusals < 0) return null;
      const message = 'User: arn:aws:iam::111122223333:user/x is not authorized to perform: sqs:receivemessage';
      return {
        status: 400,
        body: JSON.stringify({ __type: 'com.amazon.coral.service#AccessDeniedException', message }),
      };
    });
    await using consumer = await startConsumer({ endpoint: proxy.endpoint });
    await consumer.send(event('a.csv'));
    await empty(consumer.queueUrl);
    expect(consumer.seen.problems[0]).toMatchObject({ reason: 'QueueAccessDenied' });
    expect(JSON.stringify([consumer.seen.problems, consumer.log.entries])).not.toContain('111122223333');
    expect(consumer.seen.problems.at(-1)).toBe(null);
  });

  it('fails: said when it goes on, and asked ever more rarely', async () => {
    let refusals = 0;
    await using proxy = await startProxy(() => {
      refusals += 1;
      return refusals <= 8 ? { status: 503 } : null;
    });
    const clock = new FakeClock();
    await using consumer = await startConsumer({ endpoint: proxy.endpoint, clock });
    await consumer.send(event('a.csv'));
    for (let tries = 1; tries <= 8; tries += 1) {
      await eventually('a try', () => consumer.log.entries.length === tries);
      expect(consumer.seen.problems).toHaveLength(Math.max(0, tries - 2));
      await clock.advance(Number(consumer.log.entries.at(-1)!.fields['retryInMs']));
    }
    await eventually('admission', () => consumer.keys().length === 1);
    expect(consumer.seen.problems[0]).toMatchObject({ reason: 'QueueUnavailable' });
    expect(consumer.seen.problems.at(-1)).toBe(null);
    const waits = consumer.log.entries.map(({ fields }) => Number(fields['retryInMs']));
    for (const [index, wait] of waits.entries()) {
      const full = Math.min(60_000, 1_000 * 2 ** index);
      expect(wait).toBeGreaterThanOrEqual(full / 2);
      expect(wait).toBeLessThanOrEqual(full);
    }
  });
});

/** SNS uses the older form protocol. For three calls no SNS client is needed. */
async function askSns(form: Record<string, string>): Promise<string> {
  const response = await fetch(server.endpoint, { method: 'POST', body: new URLSearchParams(form) });
  const text = await response.text();
  if (!response.ok) throw new Error(`SNS: ${response.status} ${text}`);
  return text;
}

async function createTopic(Name: string): Promise<string> {
  const text = await askSns({ Action: 'CreateTopic', Name });
  return /<TopicArn>(.*?)<\/TopicArn>/.exec(text)![1]!;
}

async function subscribe(TopicArn: string, queueUrl: string): Promise<void> {
  const Endpoint = `arn:aws:sqs:${server.region}:000000000000:${queueUrl.split('/').at(-1)}`;
  await askSns({ Action: 'Subscribe', TopicArn, Protocol: 'sqs', Endpoint });
}

async function publish(TopicArn: string, Message: string): Promise<void> {
  await askSns({ Action: 'Publish', TopicArn, Message });
}
