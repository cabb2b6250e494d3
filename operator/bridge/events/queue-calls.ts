/** The calls to a queue, each with a time limit. */
import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import { createDeadline } from '#common/deadline.ts';
import type { Logger } from '#common/log.ts';

export interface QueueCalls {
  /** Receives up to `count` messages; `wait` waits up to 20 seconds for the first one. @throws errors of the SDK */
  receive(options: { count: number; wait: boolean }, signal: AbortSignal): Promise<Message[]>;
  /** Hides a message for that time from now on. A failure is only logged: the message then comes again sooner. */
  hide(receipt: string, seconds: number): Promise<void>;
  /** Renews the visibility timeout of a message as long as the work goes on. */
  whileHidden<T>(receipt: string, work: () => Promise<T>): Promise<T>;
  /** Deletes a message, with a few attempts. A failure is only logged: the message then comes again. */
  delete(receipt: string): Promise<void>;
  /** The last call: makes messages visible at once, as far as half a second allows, and aborts every other call. */
  giveBack(receipts: readonly string[]): Promise<void>;
}

const WAIT_SECONDS = 20;
const RECEIVE_MS = 30_000;
const CALL_MS = 10_000;
const DELETE_TRIES = 3;
const GIVE_BACK_MS = 500;
const BATCH = 10;

export function createQueueCalls(deps: {
  client: SQSClient;
  queueUrl: string;
  visibilitySeconds: number;
  clock: Clock;
  log: Logger;
}): QueueCalls {
  const { client, queueUrl: QueueUrl, visibilitySeconds, clock, log } = deps;
  const end = new AbortController();
  let isGivingBack = false;

  async function limited<T>(ms: number, outer: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    using deadline = createDeadline(clock, outer);
    deadline.set(ms);
    return await call(deadline.signal);
  }

  const changeVisibility = (ReceiptHandle: string, VisibilityTimeout: number) =>
    limited(CALL_MS, end.signal, (abortSignal) =>
      client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }), { abortSignal }),
    );

  async function hide(receipt: string, seconds: number): Promise<void> {
    try {
      await changeVisibility(receipt, seconds);
    } catch (err) {
      if (!end.signal.aborted) log.debug({ err }, 'a message could not be hidden longer, it comes again sooner');
    }
  }

  return {
    async receive({ count, wait }, signal) {
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: count,
        WaitTimeSeconds: wait ? WAIT_SECONDS : 0,
        VisibilityTimeout: visibilitySeconds,
        // The old name of this field serves servers that know no other one: without the receive count, a message that
        // cannot be understood would come again for ever.
        MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
        AttributeNames: ['All'],
      });
      const answer = await limited(RECEIVE_MS, signal, (abortSignal) => client.send(command, { abortSignal }));
      return answer.Messages ?? [];
    },
    hide,
    async whileHidden(receipt, work) {
      let cancel = () => {};
      const renewLater = () => {
        cancel = clock.schedule((visibilitySeconds * 1000) / 3, () => {
          // Work that does not heed its abort goes on, and would hide a message that is given back.
          if (isGivingBack) return;
          void hide(receipt, visibilitySeconds);
          renewLater();
        });
      };
      renewLater();
      try {
        return await work();
      } finally {
        cancel();
      }
    },
    async delete(receipt) {
      for (let tries = 1; !end.signal.aborted; tries += 1) {
        try {
          await limited(CALL_MS, end.signal, (abortSignal) =>
            client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receipt }), { abortSignal }),
          );
          return;
        } catch (err) {
          if (tries === DELETE_TRIES)
            return log.warn({ err }, 'a handled message could not be deleted, it comes again');
          await sleep(clock, backoffMs(tries, { baseMs: 200, maxMs: 2_000 }), end.signal);
        }
      }
    },
    async giveBack(receipts) {
      isGivingBack = true;
      const batches = Array.from({ length: Math.ceil(receipts.length / BATCH) }, (_, index) =>
        receipts.slice(index * BATCH, (index + 1) * BATCH),
      );
      const changes = batches.map((batch) =>
        limited(GIVE_BACK_MS, end.signal, (abortSignal) =>
          client.send(
            new ChangeMessageVisibilityBatchCommand({
              QueueUrl,
              Entries: batch.map((ReceiptHandle, index) => ({ Id: `${index}`, ReceiptHandle, VisibilityTimeout: 0 })),
            }),
            { abortSignal },
          ),
        ),
      );
      const failed = (await Promise.allSettled(changes)).filter(({ status }) => status === 'rejected').length;
      if (failed > 0)
        log.debug({ failed }, 'messages could not be given back, they come again after their visibility timeout');
      end.abort();
    },
  };
}
