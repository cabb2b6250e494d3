/**
 * Receives notifications from an SQS queue, at least once: a message is deleted only when all its notices are handled.
 * A message whose handling was interrupted comes again, and admission gives the same answers.
 *
 * | state of a message | event | next state |
 * |---|---|---|
 * | being admitted; hidden for `visibilitySeconds`, renewed again and again | no outcome is `Later` | deleted |
 * | | an outcome is `Later` | held |
 * | | an outcome is `Later`, and too many messages are held | left: hidden for a while, then received again |
 * | held, and hidden until after the next attempt | the next attempt | being admitted: the `Later` notices only |
 * | not understood | received fewer than {@link MAX_RECEIVES} times | left |
 * | | received {@link MAX_RECEIVES} times | put aside in the ledger, deleted |
 *
 * Messages are held rather than left, since each receive counts towards the dead letter queue that the queue may have.
 */
import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import type { Logger } from '#common/log.ts';
import { createSemaphore } from '#common/semaphore.ts';
import type { AdmitNotices, ObjectNotice, RejectedEvent, SourceRecorder } from '#operator/bridge/model/types.ts';
import { parseEvents } from './parse-events.ts';
import { createQueueCalls, type QueueCalls } from './queue-calls.ts';
import { explainQueueError } from './queue-client.ts';

export interface QueueConsumerDeps {
  client: SQSClient;
  queueUrl: string;
  admit: AdmitNotices;
  /** Puts a message aside before the message is deleted. When this call throws, the message comes again. */
  reject(event: RejectedEvent): Promise<void>;
  recorder: Pick<SourceRecorder, 'event' | 'ignored' | 'failed' | 'problem' | 'warn' | 'waitingSince'>;
  clock: Clock;
  log: Logger;
  /** Shorter in tests. */
  times?: Partial<QueueTimes>;
}

export interface QueueTimes {
  /**
   * The visibility timeout of a message in flight, renewed after each third. Messages of a bridge that was killed come
   * again after this time.
   */
  visibilitySeconds: number;
  /**
   * Time until a message that is not understood comes again: another version of the bridge may understand the message.
   */
  poisonSeconds: number;
  /** The first wait after a `Later`, which doubles each time up to the maximum. */
  laterMs: { base: number; max: number };
}

export interface QueueConsumer {
  /** Ends within a second of the abort, and gives the messages in flight back to the queue. Never throws. */
  run(signal: AbortSignal): Promise<void>;
}

const DEFAULT_TIMES: QueueTimes = { visibilitySeconds: 30, poisonSeconds: 30, laterMs: { base: 2_000, max: 120_000 } };
export const MAX_RECEIVES = 5;
/** Messages that are admitted at the same time. */
const MAX_ACTIVE = 10;
const MAX_HELD = 200;
const MAX_PER_RECEIVE = 10;
/** The least time between two receives of a server that answers an empty long poll at once. */
const SHORT_POLL_MS = 1_000;
/**
 * Together with the calls that give messages back, the last work takes less than the second in which a consumer ends.
 */
const LAST_WORK_MS = 300;
/** The status shows that a queue is unavailable only after so many failures: a single lost connection is no problem. */
const SHOWN_FAILURES = 3;

export function createQueueConsumer(deps: QueueConsumerDeps): QueueConsumer {
  return { run: (signal) => new Consumption(deps, signal).run() };
}

/** A message that was received, and is neither deleted nor given back yet. SQS calls such a message in flight. */
interface InFlightMessage {
  id: string;
  receipt: string;
  receives: number;
  /** Wall clock, ms. */
  sentAt: number;
  held: boolean;
}

/** One run of a consumer, with its messages in flight. */
class Consumption {
  readonly #deps: QueueConsumerDeps;
  readonly #times: QueueTimes;
  readonly #signal: AbortSignal;
  readonly #calls: QueueCalls;
  /** Each message in flight, with the end of its handling. */
  readonly #inFlight = new Map<InFlightMessage, Promise<void>>();
  readonly #gate = createSemaphore(MAX_ACTIVE);
  /** The receipts of messages whose handling the abort interrupted. */
  readonly #interrupted: string[] = [];
  #held = 0;
  #wakeReceiver = () => {};
  /**
   * Did the last receive succeed? The first receive after a start or a failure does not wait, so that it
   * is known soon whether the queue answers.
   */
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
      const free = MAX_ACTIVE - (this.#inFlight.size - this.#held);
      if (free <= 0) {
        await this.#waitForRoom();
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
    const startedAt = clock.monotonic();
    const wait = this.#answers;
    const messages = await this.#calls.receive({ count, wait }, this.#signal);
    this.#answers = true;
    recorder.problem('receive', null);
    for (const message of messages) this.#startHandling(message);
    if (!wait || messages.length > 0 || clock.monotonic() - startedAt >= SHORT_POLL_MS) return;
    await sleep(clock, SHORT_POLL_MS, this.#signal);
  }

  /** Waits a little for messages whose handling ends by itself, and gives the others back. */
  async #end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.clock.schedule(LAST_WORK_MS, resolve);
    await Promise.race([Promise.all(this.#inFlight.values()), promise]);
    cancel();
    const running = [...this.#inFlight.keys()].map(({ receipt }) => receipt);
    await this.#calls.giveBack([...this.#interrupted, ...running]);
    this.#deps.recorder.waitingSince('receive', null);
  }

  async #failed(err: unknown, failures: number): Promise<void> {
    const { clock, log, recorder } = this.#deps;
    this.#answers = false;
    const why = explainQueueError(err);
    if (why.reason !== 'QueueUnavailable' || failures >= SHOWN_FAILURES) recorder.problem('receive', why);
    const retryInMs = backoffMs(failures, { baseMs: 1_000, maxMs: 60_000 });
    log.warn({ ...why, failures, retryInMs }, 'no messages could be received, the bridge tries again');
    await sleep(clock, retryInMs, this.#signal);
  }

  #startHandling(message: Message): void {
    const { MessageId: id = '', ReceiptHandle: receipt, Body: body = '', Attributes: attributes = {} } = message;
    if (!receipt) return;
    const inFlight: InFlightMessage = {
      id,
      receipt,
      receives: Number(attributes.ApproximateReceiveCount ?? 1),
      sentAt: Number(attributes.SentTimestamp ?? this.#deps.clock.now()),
      held: false,
    };
    const done = this.#handle(inFlight, body)
      .catch((err: unknown) =>
        this.#deps.log.warn({ err, message: id }, 'a message could not be handled, it comes again'),
      )
      .finally(() => {
        this.#setHeld(inFlight, false);
        this.#inFlight.delete(inFlight);
        this.#inFlightChanged();
      });
    this.#inFlight.set(inFlight, done);
    this.#inFlightChanged();
  }

  async #handle(message: InFlightMessage, body: string): Promise<void> {
    const { recorder } = this.#deps;
    const parsed = parseEvents(body);
    if ('rejected' in parsed) return this.#handlePoison(message, { body, reason: parsed.rejected });
    recorder.event();
    for (const { key, ...why } of parsed.ignored) recorder.ignored(key ?? message.id, why);
    if (await this.#admitAll(message, parsed.notices)) await this.#calls.delete(message.receipt);
  }

  /** @returns false when notices of the message are not handled yet, and the queue delivers the message again */
  async #admitAll(message: InFlightMessage, notices: readonly ObjectNotice[]): Promise<boolean> {
    const { clock } = this.#deps;
    const { visibilitySeconds, laterMs } = this.#times;
    let waiting = notices;
    for (let tries = 1; waiting.length > 0; tries += 1) {
      waiting = await this.#calls.whileHidden(message.receipt, () => this.#gate.run(() => this.#admit(waiting)));
      if (waiting.length === 0) break;
      if (this.#signal.aborted) return this.#interrupt(message);
      const waitMs = backoffMs(tries, { baseMs: laterMs.base, maxMs: laterMs.max });
      const waitSeconds = Math.ceil(waitMs / 1000);
      if (this.#held >= MAX_HELD) {
        await this.#calls.hide(message.receipt, waitSeconds);
        return false;
      }
      await this.#calls.hide(message.receipt, waitSeconds + visibilitySeconds);
      this.#setHeld(message, true);
      await sleep(clock, waitMs, this.#signal);
      this.#setHeld(message, false);
      if (this.#signal.aborted) return this.#interrupt(message);
    }
    return true;
  }

  #interrupt({ receipt }: InFlightMessage): false {
    this.#interrupted.push(receipt);
    return false;
  }

  /** @returns the notices that have to be admitted again */
  async #admit(notices: readonly ObjectNotice[]): Promise<ObjectNotice[]> {
    try {
      const outcomes = await this.#deps.admit(notices, this.#signal);
      return notices.filter((_, index) => outcomes[index]?.kind === 'Later');
    } catch (err) {
      if (!this.#signal.aborted)
        this.#deps.log.warn({ err }, 'the objects of a message could not be admitted, the bridge tries again');
      return [...notices];
    }
  }

  /** Handles a message that is not understood: the queue delivers it a few times more, then the ledger keeps it. */
  async #handlePoison(message: InFlightMessage, { body, reason }: { body: string; reason: string }): Promise<void> {
    const { recorder, reject } = this.#deps;
    const { id, receipt, receives } = message;
    const why = { reason: 'EventNotUnderstood', message: reason };
    if (receives < MAX_RECEIVES) {
      recorder.failed(id, why);
      await this.#calls.hide(receipt, this.#times.poisonSeconds);
      return;
    }
    await this.#calls.whileHidden(receipt, () => reject({ messageId: id, reason, body }));
    await this.#calls.delete(receipt);
    recorder.ignored(id, why);
    recorder.warn({
      reason: 'EventRejected',
      message: `Message ${id} was removed from the queue after ${receives} tries: ${reason} The ledger keeps it in batch_upload_rejected_events.`,
    });
  }

  #setHeld(message: InFlightMessage, held: boolean): void {
    if (message.held === held) return;
    message.held = held;
    this.#held += held ? 1 : -1;
    this.#inFlightChanged();
  }

  #inFlightChanged(): void {
    const oldest = Math.min(...[...this.#inFlight.keys()].map(({ sentAt }) => sentAt));
    this.#deps.recorder.waitingSince('receive', Number.isFinite(oldest) ? oldest : null);
    this.#wakeReceiver();
  }

  /** Waits until the number of messages in admission has changed, or the signal aborts. */
  #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeReceiver = resolve;
    return promise;
  }
}
