/**
 * A stand-in for admission that records its notices and gives chosen answers. The real admission has tests of its own.
 */
import type { AdmitNotices, ObjectNotice, Outcome } from '#operator/bridge/model/types.ts';

export interface Admissions {
  admit: AdmitNotices;
  /** The notices of all calls, in order. */
  readonly notices: ObjectNotice[];
  /**
   * Replaces the answers. By default the first notice of a key is answered with Created, each further one with Known.
   */
  answer(of: (notice: ObjectNotice, signal: AbortSignal) => Outcome | Promise<Outcome>): void;
}

export const LATER: Outcome = { kind: 'Later', reason: 'Settling', message: 'it settles' };

export function createAdmissions(): Admissions {
  const notices: ObjectNotice[] = [];
  const made = new Set<string>();
  let of: (notice: ObjectNotice, signal: AbortSignal) => Outcome | Promise<Outcome> = ({ key }) => {
    const kind = made.has(key) ? 'Known' : 'Created';
    made.add(key);
    return { kind, name: key };
  };
  return {
    notices,
    answer(next) {
      of = next;
    },
    async admit(given, signal) {
      notices.push(...given);
      return Promise.all(given.map((notice) => of(notice, signal)));
    },
  };
}
