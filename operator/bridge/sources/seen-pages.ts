/**
 * Remembers, in bounded memory, what earlier passes over a prefix have seen. An unchanged page on which every object
 * was handled for good, or waits, is skipped, and an ignored object is counted once. This memory only saves work.
 */
import { createHash } from 'node:crypto';
import type { ListedObject } from '#operator/bridge/storage/storage-calls.ts';

export interface SeenPages {
  isUnchanged(page: number, objects: readonly ListedObject[]): boolean;
  /** Called when every object on the page has been handled for good, or waits. */
  keep(page: number, objects: readonly ListedObject[]): void;
  endPass(pages: number): void;
  /** False when the object was added before. */
  addIgnored(object: ListedObject): boolean;
  addKnown(object: ListedObject): void;
  isKnown(object: ListedObject): boolean;
}

const MAX_PAGES = 1_000;
const MAX_OBJECTS = 10_000;

export function createSeenPages(): SeenPages {
  const pages = new Map<number, string>();
  const ignored = createBoundedSet(MAX_OBJECTS);
  const known = createBoundedSet(MAX_OBJECTS);
  return {
    isUnchanged: (page, objects) => pages.get(page) === digest(objects),
    keep(page, objects) {
      if (page < MAX_PAGES) pages.set(page, digest(objects));
    },
    endPass(count) {
      for (const page of pages.keys()) if (page >= count) pages.delete(page);
    },
    addIgnored: (object) => ignored.add(digest([object])),
    addKnown: (object) => void known.add(digest([object])),
    isKnown: (object) => known.size > 0 && known.has(digest([object])),
  };
}

function digest(objects: readonly ListedObject[]): string {
  const hash = createHash('sha1');
  for (const { key, eTag, size, lastModified } of objects) hash.update(`${key}\0${eTag}\0${size}\0${lastModified}\n`);
  return hash.digest('base64');
}

/**
 * Remembers pages on which files wait, and those files, until one of them may be free.
 * @param stateOf changes whenever a file that waited may be free for a source that finds it.
 * @returns what is remembered at the moment. A caller that takes it before a look at the ledger, and keeps what it has seen
 * there, keeps nothing that has become wrong meanwhile.
 */
export function createWaitingPages(stateOf: () => string): () => SeenPages {
  let state = stateOf();
  let seen = createSeenPages();
  return () => {
    const now = stateOf();
    if (now !== state) seen = createSeenPages();
    state = now;
    return seen;
  };
}

/** A full set drops its oldest member for a new one. */
function createBoundedSet(limit: number) {
  const members = new Set<string>();
  return {
    get size() {
      return members.size;
    },
    has: (member: string) => members.has(member),
    add(member: string): boolean {
      if (members.has(member)) return false;
      members.add(member);
      if (members.size > limit) for (const oldest of members) return members.delete(oldest);
      return true;
    },
  };
}
