/** The unfinished sendings of the person who is signed in, in this browser. */
import { session } from '#page/api/api.ts';
import type { FileMark } from '#page/send/fingerprint.ts';
import {
  forget,
  loadUnfinished,
  ofVisit,
  type Recognized,
  recognize,
  remember,
  saveUnfinished,
  type Unfinished,
} from '#page/send/unfinished.ts';

export interface UnfinishedStore {
  list(): Unfinished[];
  recognize(mark: FileMark): Recognized | null;
  keep(unfinished: Unfinished): void;
  forget(id: string): void;
}

export function createUnfinishedStore(namespace: string): UnfinishedStore {
  const visit = () => ({ user: session.value?.user ?? '', namespace, now: Date.now() });
  return {
    list: () => ofVisit(loadUnfinished(localStorage), visit()),
    recognize: (mark) => recognize(loadUnfinished(localStorage), mark, visit()),
    keep: (unfinished) => saveUnfinished(localStorage, remember(loadUnfinished(localStorage), unfinished, Date.now())),
    forget: (id) => saveUnfinished(localStorage, forget(loadUnfinished(localStorage), id)),
  };
}
