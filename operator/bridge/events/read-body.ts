/** The body of a request, within a size and a time. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '#common/clock.ts';

/** `Gone`: the sender went away. */
export type BodyFault = 'TooLarge' | 'TooSlow' | 'Gone';

/** The request stays open, so that a refusal can be answered; the caller lets go of what is left of it. */
export function readBody(
  request: IncomingMessage,
  { limit, timeoutMs, clock }: { limit: number; timeoutMs: number; clock: Clock },
): Promise<Buffer | BodyFault> {
  // While the Secret was read: nothing would tell of it any more.
  if (request.destroyed) return Promise.resolve('Gone');
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const finish = (result: Buffer | BodyFault) => {
      cancel();
      request.off('data', take).off('end', end).off('close', gone).off('error', gone);
      resolve(result);
    };
    const take = (piece: Buffer) => {
      length += piece.length;
      if (length > limit) finish('TooLarge');
      else pieces.push(piece);
    };
    const end = () => finish(Buffer.concat(pieces));
    const gone = () => finish('Gone');
    const cancel = clock.schedule(timeoutMs, () => finish('TooSlow'));
    request.on('data', take).on('end', end).on('close', gone).on('error', gone);
  });
}
