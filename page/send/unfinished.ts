/** The sendings that are not finished: what a later visit needs to go on with one. Pure, but for the two at the end. */
import type { ColumnMapping } from '#api/source-format.ts';
import type { FileMark } from './fingerprint.ts';

export interface Unfinished {
  /** Whose it is: on a shared computer nobody sees the files of another person. */
  user: string;
  namespace: string;
  /** The gateway's id of the file. */
  id: string;
  mark: FileMark;
  schema: string;
  columns: ColumnMapping[];
  /** Epoch ms: the gateway removes what was not registered by then. */
  expiresAt: number;
}

/** Whose files are asked for, and when (epoch ms). */
export interface Visit {
  user: string;
  namespace: string;
  now: number;
}

export type Recognized =
  | { kind: 'Same'; unfinished: Unfinished }
  /** A file with this name was begun, and it is another one now. */
  | { kind: 'Changed'; unfinished: Unfinished };

const MOST = 20;

export function remember(all: readonly Unfinished[], one: Unfinished, now: number): Unfinished[] {
  return [one, ...all.filter(({ id, expiresAt }) => id !== one.id && expiresAt > now)].slice(0, MOST);
}

export function forget(all: readonly Unfinished[], id: string): Unfinished[] {
  return all.filter((each) => each.id !== id);
}

export function ofVisit(all: readonly Unfinished[], { user, namespace, now }: Visit): Unfinished[] {
  return all.filter((each) => each.user === user && each.namespace === namespace && each.expiresAt > now);
}

/** Finds the sending that the file belongs to. */
export function recognize(all: readonly Unfinished[], mark: FileMark, visit: Visit): Recognized | null {
  const named = ofVisit(all, visit).filter((each) => each.mark.name === mark.name);
  const same = named.find((each) => isSame(each.mark, mark));
  if (same) return { kind: 'Same', unfinished: same };
  const [changed] = named;
  return changed ? { kind: 'Changed', unfinished: changed } : null;
}

function isSame(a: FileMark, b: FileMark): boolean {
  return a.sizeBytes === b.sizeBytes && a.lastModified === b.lastModified && a.ends === b.ends;
}

const KEY = 'batch-upload.unfinished';

/** A browser that keeps nothing, and a text that somebody else wrote, are as if there were none. */
export function loadUnfinished(storage: Pick<Storage, 'getItem'>): Unfinished[] {
  try {
    const all: unknown = JSON.parse(storage.getItem(KEY) ?? '[]');
    return Array.isArray(all) ? all.filter(isUnfinished) : [];
  } catch {
    return [];
  }
}

export function saveUnfinished(storage: Pick<Storage, 'setItem'>, all: readonly Unfinished[]): void {
  try {
    storage.setItem(KEY, JSON.stringify(all));
  } catch {
    // A full or forbidden store: the sending goes on, only not after the tab was closed.
  }
}

function isUnfinished(value: unknown): value is Unfinished {
  const { user, namespace, id, mark, schema, columns, expiresAt } = (value ?? {}) as Partial<Unfinished>;
  return (
    [user, namespace, id, schema, mark?.name].every((text) => typeof text === 'string') &&
    [mark?.sizeBytes, mark?.lastModified, mark?.ends, expiresAt].every((number) => typeof number === 'number') &&
    Array.isArray(columns)
  );
}
