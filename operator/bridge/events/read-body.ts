/** Reads the body of a request, within a limit of size and time. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '#common/clock.ts';

export type BodyFault = 'TooLarge' | 'TooSlow' | 'Disconnected';

/** The request stays open, so that a refusal can be answered. The caller has to discard the rest of the body. */
export function readBody(
  request: IncomingMessage,
  { limit, timeoutMs, clock }: { limit: number; timeoutMs: number; clock: Clock },
): Promise<Buffer | BodyFault> {
  // The sender may have disconnected while the Secret was read. No event of the request would report that now.
  if (request.destroyed) return Promise.resolve('Disconnected');
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const finish = (result: Buffer | BodyFault) => {
      cancel();
      request.off('data', take).off('end', end).off('close', disconnected).off('error', disconnected);
      resolve(result);
    };
    const take = (piece: Buffer) => {
      length += piece.length;
      if (length > limit) finish('TooLarge');
      else pieces.push(piece);
    };
    const end = () => finish(Buffer.concat(pieces));
    const disconnected = () => finish('Disconnected');
    const cancel = clock.schedule(timeoutMs, () => finish('TooSlow'));
    request.on('data', take).on('end', end).on('close', disconnected).on('error', disconnected);
  });
}
