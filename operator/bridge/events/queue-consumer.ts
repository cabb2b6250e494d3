/**
 * Takes notifications from an SQS queue. At least once: a message is deleted only when nothing of it is left to do, so that
 * whatever ends before that comes again, and admission answers the same.
 *
 * | a message is | until | then |
 * |---|---|---|
 * | being admitted, hidden from others for {@link VISIBILITY_SECONDS} that are renewed | every outcome but `Later` | deleted |
 * | | an outcome is `Later` | held |
 * | held, hidden for longer than the next try is away | the next try | being admitted again, what was `Later` only |
 * | | too many are held | left: hidden for a while, then received again |
 * | not understood | fewer than {@link MAX_RECEIVES} receives | left |
 * | | {@link MAX_RECEIVES} receives | put aside, deleted |
 *
 * Held rather than left, since each receive counts towards a dead letter queue that the owner of the queue may have set up.
 */
import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { createSemaphore } from '#common/semaphore.ts';
import type { AdmitNotices, ObjectNotice, RejectedEvent, SourceRecorder } from '#operator/bridge/types.ts';
import { parseEvents } from './parse-events.ts';
import { createQueueCalls, type QueueCalls } from './queue-calls.ts';
import { explainQueueError } from './queue-client.ts';

export interface QueueConsumerDeps {
  client: SQSClient;
  queueUrl: string;
  admit: AdmitNotices;
  /** Puts a message aside before it is deleted. When it throws, the message comes again. */
  reject(event: RejectedEvent): Promise<void>;
  recorder: Pick<SourceRecorder, 'event' | 'ignored' | 'failed' | 'problem' | 'warn' | 'waitingSince'>;
  clock: Clock;
  log: Logger;
  /** Shorter in tests. */
  times?: Partial<QueueTimes>;
}

export interface QueueTimes {
  /** Of a message in our hands; renewed when a third of it is over. After a kill it comes again so much later. */
  visibilitySeconds: number;
  /** Until a message that is not understood is received again: another version of the bridge may understand it. */
  poisonSeconds: number;
  /** First wait for what is `Later`, doubled each time up to the longest. */
  laterMs: { base: number; max: number };
}

export interface QueueConsumer {
  /** Ends within a second of the abort; what is in hand is given back to the queue. Never throws. */
  run(signal: AbortSignal): Promise<void>;
}

const DEFAULT_TIMES: QueueTimes = { visibilitySeconds: 30, poisonSeconds: 30, laterMs: { base: 2_000, max: 120_000 } };
export const MAX_RECEIVES = 5;
/** Messages in admission at once. */
const MAX_ACTIVE = 10;
const MAX_HELD = 200;
const MAX_PER_RECEIVE = 10;
/** An answer without messages that comes sooner was no long poll; a server that does so is not asked in a loop. */
const SHORT_POLL_MS = 1_000;
/** With the calls that give messages back, less than the second in which a consumer ends. */
const LAST_WORK_MS = 300;
/** A single lost connection is no problem to show. */
const SHOWN_FAILURES = 3;

export function createQueueConsumer(deps: QueueConsumerDeps): QueueConsumer {
  return { run: (signal) => new Consumption(deps, signal).run() };
}

/** A message in our hands. */
interface Taken {
  id: string;
  receipt: string;
  receives: number;
  /** Wall clock, ms. */
  sentAt: number;
  held: boolean;
}

/** One run of a consumer: the messages in its hands. */
class Consumption {
  readonly #deps: QueueConsumerDeps;
  readonly #times: QueueTimes;
  readonly #signal: AbortSignal;
  readonly #calls: QueueCalls;
  readonly #taken = new Map<Taken, Promise<void>>();
  readonly #gate = createSemaphore(MAX_ACTIVE);
  /** Receipts of what the abort interrupted. */
  readonly #interrupted: string[] = [];
  #held = 0;
  #wakeReceiver = () => {};
  /** The last call succeeded. The first one after a start or a failure does not wait, so that it is soon known whether the queue answers. */
  #answers = false;

  constructor(deps: QueueConsumerDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#times = { ...DEFAULT_TIMES, ...deps.times };
    this.#signal = signal;
    this.#calls = createQueueCalls({ ...deps, visibilitySeconds: this.#times.visibilitySeconds });
  }

  async run(): Promise<void> {
    let failures = 0;
    this.#signal.addEventListener('abort', () => this.#wakeReceiver(), { once: true });
    while (!this.#signal.aborted) {
      const free = MAX_ACTIVE - (this.#taken.size - this.#held);
      if (free <= 0) {
        await this.#oneLess();
        continue;
      }
      try {
        await this.#receive(Math.min(free, MAX_PER_RECEIVE));
        failures = 0;
      } catch (err) {
        if (this.#signal.aborted) break;
        failures += 1;
        await this.#failed(err, failures);
      }
    }
    await this.#end();
  }

  async #receive(count: number): Promise<void> {
    const { clock, recorder } = this.#deps;
    const since = clock.monotonic();
    const wait = this.#answers;
    const messages = await this.#calls.receive({ count, wait }, this.#signal);
    this.#answers = true;
    recorder.problem('receive', null);
    for (const message of messages) this.#take(message);
    if (!wait || messages.length > 0 || clock.monotonic() - since >= SHORT_POLL_MS) return;
    await sleep(clock, SHORT_POLL_MS, this.#signal);
  }

  /** What ends by itself is waited for a little; everything else is given back. */
  async #end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.clock.schedule(LAST_WORK_MS, resolve);
    await Promise.race([Promise.all(this.#taken.values()), promise]);
    cancel();
    const running = [...this.#taken.keys()].map(({ receipt }) => receipt);
    await this.#calls.giveBack([...this.#interrupted, ...running]);
    this.#deps.recorder.waitingSince('receive', null);
  }

  async #failed(err: unknown, failures: number): Promise<void> {
    const { clock, log, recorder } = this.#deps;
    this.#answers = false;
    const why = explainQueueError(err);
    if (why.reason !== 'QueueUnavailable' || failures >= SHOWN_FAILURES) recorder.problem('receive', why);
    const retryInMs = backoffMs(failures, { baseMs: 1_000, maxMs: 60_000 });
    log.warn({ ...why, failures, retryInMs }, 'the queue could not be asked, it is tried again');
    await sleep(clock, retryInMs, this.#signal);
  }

  #take(message: Message): void {
    const { MessageId: id = '', ReceiptHandle: receipt, Body: body = '', Attributes: attributes = {} } = message;
    if (!receipt) return;
    const taken: Taken = {
      id,
      receipt,
      receives: Number(attributes.ApproximateReceiveCount ?? 1),
      sentAt: Number(attributes.SentTimestamp ?? this.#deps.clock.now()),
      held: false,
    };
    const done = this.#handle(taken, body)
      .catch((err: unknown) =>
        this.#deps.log.warn({ err, message: id }, 'a message could not be handled, it comes again'),
      )
      .finally(() => {
        this.#setHeld(taken, false);
        this.#taken.delete(taken);
        this.#changed();
      });
    this.#taken.set(taken, done);
    this.#changed();
  }

  async #handle(taken: Taken, body: string): Promise<void> {
    const { recorder } = this.#deps;
    const parsed = parseEvents(body);
    if ('rejected' in parsed) return this.#poison(taken, { body, reason: parsed.rejected });
    recorder.event();
    for (const { key, ...why } of parsed.ignored) recorder.ignored(key ?? taken.id, why);
    if (await this.#admitAll(taken, parsed.notices)) await this.#calls.delete(taken.receipt);
  }

  /** @returns false when the message was left for later */
  async #admitAll(taken: Taken, notices: readonly ObjectNotice[]): Promise<boolean> {
    const { clock } = this.#deps;
    const { visibilitySeconds, laterMs } = this.#times;
    let waiting = notices;
    for (let tries = 1; waiting.length > 0; tries += 1) {
      waiting = await this.#calls.whileHidden(taken.receipt, () => this.#gate.run(() => this.#admit(waiting)));
      if (waiting.length === 0) break;
      if (this.#signal.aborted) return this.#interrupt(taken);
      const waitMs = backoffMs(tries, { baseMs: laterMs.base, maxMs: laterMs.max });
      const waitSeconds = Math.ceil(waitMs / 1000);
      if (this.#held >= MAX_HELD) {
        await this.#calls.hide(taken.receipt, waitSeconds);
        return false;
      }
      await this.#calls.hide(taken.receipt, waitSeconds + visibilitySeconds);
      this.#setHeld(taken, true);
      await sleep(clock, waitMs, this.#signal);
      this.#setHeld(taken, false);
      if (this.#signal.aborted) return this.#interrupt(taken);
    }
    return true;
  }

  #interrupt({ receipt }: Taken): false {
    this.#interrupted.push(receipt);
    return false;
  }

  /** @returns those that are to be admitted again */
  async #admit(notices: readonly ObjectNotice[]): Promise<ObjectNotice[]> {
    try {
      const outcomes = await this.#deps.admit(notices, this.#signal);
      return notices.filter((_, index) => outcomes[index]?.kind === 'Later');
    } catch (err) {
      if (!this.#signal.aborted) this.#deps.log.warn({ err }, 'admission failed, it is tried again');
      return [...notices];
    }
  }

  async #poison(taken: Taken, { body, reason }: { body: string; reason: string }): Promise<void> {
    const { recorder, reject } = this.#deps;
    const why = { reason: 'EventNotUnderstood', message: reason };
    if (taken.receives < MAX_RECEIVES) {
      recorder.failed(taken.id, why);
      await this.#calls.hide(taken.receipt, this.#times.poisonSeconds);
      return;
    }
    await this.#calls.whileHidden(taken.receipt, () => reject({ messageId: taken.id, reason, body }));
    await this.#calls.delete(taken.receipt);
    recorder.ignored(taken.id, why);
    recorder.warn({
      reason: 'EventRejected',
      message: `Message ${taken.id} was put aside after ${taken.receives} tries: ${reason}`,
    });
  }

  #setHeld(taken: Taken, held: boolean): void {
    if (taken.held === held) return;
    taken.held = held;
    this.#held += held ? 1 : -1;
    this.#changed();
  }

  #changed(): void {
    const oldest = Math.min(...[...this.#taken.keys()].map(({ sentAt }) => sentAt));
    this.#deps.recorder.waitingSince('receive', Number.isFinite(oldest) ? oldest : null);
    this.#wakeReceiver();
  }

  /** Until fewer messages are in admission, or the end. */
  #oneLess(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeReceiver = resolve;
    return promise;
  }
}
