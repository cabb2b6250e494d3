/** Which files of a folder nobody writes any more, told by looking more than once. */
import type { RemoteFileInfo } from './list-files.ts';

export interface StableFile extends RemoteFileInfo {
  /** Milliseconds of the clock at which this size and this time of change were seen first. */
  since: number;
}

export interface Look {
  /** Takes files of the list; returns those that have settled. */
  see(files: readonly RemoteFileInfo[]): StableFile[];
  /** The list has been seen to its end: what was not in it is forgotten. Milliseconds until the next may settle, or null. */
  finish(): number | null;
}

export interface StableFilesOptions {
  settleSeconds: number;
  /** Milliseconds; the wall clock, because it is compared with the files' times. */
  now: () => number;
  /** Of this many files at once is kept what they were; more wait for a later look. */
  maxFiles: number;
}

/**
 * A file has settled when two looks that are at least `settleSeconds` apart found the same size and time of change, and
 * that time is as long ago. A time that lies ahead is of a server with another clock and says nothing.
 */
export function createStableFiles({ settleSeconds, now, maxFiles }: StableFilesOptions) {
  const settleMs = settleSeconds * 1000;
  let known = new Map<string, StableFile>();

  return {
    startLook(): Look {
      const at = now();
      const next = new Map<string, StableFile>();
      let soonest: number | null = null;
      return {
        see(files) {
          const settled: StableFile[] = [];
          for (const file of files) {
            const before = known.get(file.name);
            const same = before?.size === file.size && before.mtime === file.mtime;
            if (!before && next.size >= maxFiles) continue;
            const current = same ? before : { ...file, since: at };
            next.set(file.name, current);
            const waitMs = waitOf(current);
            if (waitMs <= 0) settled.push(current);
            else soonest = Math.min(soonest ?? waitMs, waitMs);
          }
          return settled;
        },
        finish() {
          known = next;
          return soonest;
        },
      };

      function waitOf({ since, mtime }: StableFile): number {
        const looked = since + settleMs - at;
        const changedAt = mtime * 1000;
        return changedAt > at ? looked : Math.max(looked, changedAt + settleMs - at);
      }
    },
  };
}
