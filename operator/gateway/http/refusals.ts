import { Problem } from './problem.ts';

/** @param detail what is wrong with the proof and what to do; never a part of a token or a key. */
export function unauthenticated(detail: string): Problem {
  return new Problem('unauthenticated', { detail });
}

/** The proof could be right: what would tell cannot be asked. The request is never let through, and nothing was done. */
export function cannotAsk(detail: string, cause: unknown): Problem {
  return new Problem('unavailable', {
    detail: `${detail} Nothing was changed; send the request again later.`,
    retryAfterSeconds: 5,
    cause,
  });
}
