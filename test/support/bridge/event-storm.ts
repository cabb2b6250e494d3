/**
 * Sends many events, each three times in random order, while the bridge is killed again and again. The operator is
 * scaled to zero meanwhile, so that all uploads exist until they are counted; in the end it runs a handful of them.
 */
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { expect } from 'vitest';
import { hasCondition } from '#support/cluster/cluster.ts';
import { type E2e, eventuallyTrue } from '#support/cluster/e2e.ts';
import { signalPod } from '#support/kills/kill-tests.ts';
import { SYSTEM, scaleOperator } from '#support/kills/operator-kills.ts';
import { awsEvent } from '#support/storage/s3-events.ts';
import { type Arrival, bridgePod, createTestSource, forPods, type TestSource } from './sources.ts';
import { type SqsServer, startSqsServer } from './sqs-server.ts';

export interface StormOptions {
  events: number;
  kills: number;
  /** The time in which all events are sent, at an even rate. */
  seconds: number;
}

/** The number of uploads that the operator runs to their end. */
const HANDFUL = 5;
const DELIVERIES = 3;
const MESSAGES_AT_ONCE = 10;

interface Storm extends StormOptions {
  e2e: E2e;
  source: TestSource;
  sqs: SqsServer;
  queueUrl: string;
  /** The time at which the first event of each object was sent: wall clock, ms. */
  sentAt: Map<number, number>;
  /** The times between a kill and the readiness of the next bridge: wall clock, ms. */
  outages: { from: number; to: number }[];
}

export async function runEventStorm(e2e: E2e, options: StormOptions): Promise<void> {
  const source = await createTestSource(e2e, 'storm');
  await using sqs = await startSqsServer();
  const queueUrl = forPods(e2e, await sqs.createQueue(source.name));
  const storm: Storm = { ...options, e2e, source, sqs, queueUrl, sentAt: new Map(), outages: [] };
  try {
    await scaleOperator(e2e, 0);
    await source.apply({ s3Event: { sqs: { queueUrl }, relistSeconds: 86_400 } });
    await source.waitForReady();
    await source.waitFor('the first list', ({ status }) => status?.lastListTime !== undefined);
    await Promise.all([deliver(storm), killMeanwhile(storm)]);
    await emptied(storm);
    await expectOneEach(storm);
    console.log(describeTimes(storm, await source.arrivals()));
    await runAHandful(storm);
  } finally {
    await scaleOperator(e2e, 2);
    await source.remove();
  }
}

const keyOf = ({ source }: Storm, at: number) => `${source.prefix}${String(at).padStart(5, '0')}.csv`;
const rowOf = (at: number) => `${String(at).padStart(5, '0')}=v${at}`;
const bodyOf = (at: number) => `k,v\n${rowOf(at).replace('=', ',')}\n`;

/** Each object is put just before the first of its events is sent; its other events follow in random order. */
async function deliver(storm: Storm): Promise<void> {
  const { events, seconds } = storm;
  const order = shuffle(Array.from({ length: events * DELIVERIES }, (_, at) => at % events));
  const startedAt = performance.now();
  for (let at = 0; at < order.length; at += MESSAGES_AT_ONCE) {
    const numbers = order.slice(at, at + MESSAGES_AT_ONCE);
    await putNew(storm, numbers);
    await send(storm, numbers);
    const aheadMs = (seconds * 1000 * (at + MESSAGES_AT_ONCE)) / order.length - (performance.now() - startedAt);
    if (aheadMs > 0) await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
}

async function putNew(storm: Storm, numbers: number[]): Promise<void> {
  const fresh = new Set(numbers.filter((number) => !storm.sentAt.has(number)));
  await Promise.all([...fresh].map((number) => storm.e2e.cluster.putObject(keyOf(storm, number), bodyOf(number))));
  for (const number of fresh) storm.sentAt.set(number, Date.now());
}

async function send(storm: Storm, numbers: number[]): Promise<void> {
  const { sqs, queueUrl, sentAt } = storm;
  const bucket = storm.e2e.cluster.env.S3_BUCKET;
  const Entries = numbers.map((number, at) => {
    const eventTime = new Date(sentAt.get(number)!).toISOString();
    const MessageBody = awsEvent([{ bucket, key: keyOf(storm, number), versionId: null, eventTime }]);
    return { Id: String(at), MessageBody };
  });
  const { Failed } = await sqs.client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  if (Failed?.length) throw new Error(`the queue refused ${Failed.length} messages`);
}

/**
 * Kills at even intervals: alternately the whole pod, and the process alone by a signal. The kubelet delays each restart
 * of a process in the same pod more, which the test does not measure; the new pods in between avoid that.
 */
async function killMeanwhile(storm: Storm): Promise<void> {
  const { events, kills } = storm;
  for (let kill = 0; kill < kills; kill += 1) {
    const share = Math.floor((events * (kill + 1)) / (kills + 2));
    await eventuallyTrue(async () => storm.sentAt.size >= share, `not ${share} objects are sent`, 300_000);
    await killBridge(storm, kill % 2 === 0 ? 'pod' : 'process');
  }
}

async function killBridge({ e2e, outages, sqs, queueUrl }: Storm, what: 'process' | 'pod'): Promise<void> {
  const pod = await bridgePod(e2e);
  if (!pod) throw new Error('there is no bridge to kill');
  await eventuallyTrue(async () => (await sqs.count(queueUrl)).hidden > 0, 'the bridge has no message in its hands');
  const from = Date.now();
  if (what === 'process') await signalPod(e2e, pod, 'KILL');
  else {
    const { name } = pod.metadata;
    await e2e.cluster.kubectl(...SYSTEM, 'delete', 'pod', name, '--force', '--grace-period=0', '--wait=false');
  }
  const containerOf = (each: typeof pod | undefined) => each?.status.containerStatuses?.[0]?.containerID;
  await eventuallyTrue(async () => {
    const next = containerOf(await bridgePod(e2e));
    return next !== undefined && next !== containerOf(pod);
  }, 'the bridge does not come back');
  outages.push({ from, to: Date.now() });
}

async function emptied({ sqs, queueUrl }: Storm): Promise<void> {
  await eventuallyTrue(
    async () => {
      const { visible, hidden } = await sqs.count(queueUrl);
      return visible + hidden === 0;
    },
    'messages are left',
    180_000,
  );
}

/** Expects exactly one upload and one arrival for each object. */
async function expectOneEach(storm: Storm): Promise<void> {
  const { events, source } = storm;
  const keys = Array.from({ length: events }, (_, at) => keyOf(storm, at));
  const [uploads, arrivals] = [await source.uploads(), await source.arrivals()];
  expect(uploads.map(({ spec }) => spec.source.s3.key)).toEqual(keys);
  expect(arrivals.map(({ key }) => key)).toEqual(keys);
  expect(arrivals.map(({ name }) => name)).toEqual(uploads.map(({ metadata }) => metadata.name));
  await source.waitFor('the counts', ({ status }) => status?.created === events && status.lagSeconds === 0);
  expect((await source.get()).status).toMatchObject({ ignored: 0, failing: 0 });
}

/** Describes the times from event to upload, apart for the objects whose wait overlapped no outage. */
function describeTimes({ sentAt, outages, events, kills }: Storm, arrivals: readonly Arrival[]): string {
  const waits = arrivals.map(({ key, event_time, created_at }) => {
    const from = sentAt.get(Number(/(\d+)\.csv$/.exec(key)![1]))!;
    const to = created_at.getTime();
    const met = outages.some((outage) => from < outage.to && to > outage.from);
    return { seconds: (to - from) / 1000, met, byEvent: event_time !== null };
  });
  const outside = waits.filter(({ met, byEvent }) => !met && byEvent).map(({ seconds }) => seconds);
  const all = waits.map(({ seconds }) => seconds);
  const down = outages.map(({ from, to }) => ((to - from) / 1000).toFixed(1)).join(', ');
  return [
    `${events} events, each ${DELIVERIES} times; the bridge killed ${kills} times (away for ${down} s)`,
    `event to BatchUpload outside of the kills (${outside.length}): ${quantiles(outside)}`,
    `all of them: ${quantiles(all)}; ${waits.filter(({ byEvent }) => !byEvent).length} were found by the list of a bridge that had come back`,
  ].join('\n');
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(2);
  return `median ${at(0.5)} s, p95 ${at(0.95)} s, longest ${at(1)} s`;
}

/**
 * Deletes all uploads but a handful, sends the events of fifty objects again, and lets the operator run the handful.
 */
async function runAHandful(storm: Storm): Promise<void> {
  const { e2e, source, events, sentAt } = storm;
  const uploads = await source.uploads();
  const chosen = shuffle(Array.from({ length: events }, (_, at) => at)).slice(0, HANDFUL);
  await source.removeUploads(chosen.map((at) => uploads[at]!.metadata.name));
  await eventuallyTrue(async () => (await source.uploads()).length === HANDFUL, 'the others are not deleted');
  const again = shuffle([...sentAt.keys()]).slice(0, 50);
  for (let at = 0; at < again.length; at += MESSAGES_AT_ONCE) await send(storm, again.slice(at, at + MESSAGES_AT_ONCE));
  await emptied(storm);
  await scaleOperator(e2e, 2);
  const finished = await source.finished(HANDFUL);
  expect(finished).toHaveLength(HANDFUL);
  for (const upload of finished) {
    expect(hasCondition(upload, 'Complete', 'Completed')).toBe(true);
    expect(upload.status?.records).toMatchObject({ total: 1, succeeded: 1 });
  }
  expect(await source.rows()).toEqual(chosen.map(rowOf).toSorted());
}

function shuffle<T>(items: T[]): T[] {
  for (let at = items.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    const item = items[at]!;
    items[at] = items[other]!;
    items[other] = item;
  }
  return items;
}
