/** An admission that remembers what it was given and answers as it is told: what stands behind it has tests of its own. */
import type { AdmitNotices, ObjectNotice, Outcome } from '#operator/bridge/types.ts';

export interface Admissions {
  admit: AdmitNotices;
  /** Of every call, in order. */
  readonly notices: ObjectNotice[];
  /** Answers for each notice, until told otherwise. Default: created the first time, known after that. */
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
