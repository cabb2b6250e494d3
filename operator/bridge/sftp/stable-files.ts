/** Finds the files of a folder that nobody writes any more, by comparing several looks into the folder. */
import type { RemoteFileInfo } from './list-files.ts';

export interface StableFile extends RemoteFileInfo {
  /** Wall clock, in ms, of the first look that found this size and this time of change. */
  since: number;
}

export interface Look {
  /** Takes the next files of the list; returns those that are stable. */
  see(files: readonly RemoteFileInfo[]): StableFile[];
  /** Ends the look and forgets all files that it did not see. @returns ms until the next file may be stable, or null */
  finish(): number | null;
}

export interface StableFilesOptions {
  settleSeconds: number;
  /** Wall clock in ms, because it is compared with the files' times. */
  now: () => number;
  /** State is kept for so many files at once; further files wait for a later look. */
  maxFiles: number;
}

/**
 * A file is stable when two looks that are at least `settleSeconds` apart found the same size and time of change, and
 * the file was changed at least `settleSeconds` ago. A time of change in the future comes from a server with another
 * clock, and is ignored.
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
          const stable: StableFile[] = [];
          for (const file of files) {
            const before = known.get(file.name);
            const same = before?.size === file.size && before.mtime === file.mtime;
            if (!before && next.size >= maxFiles) continue;
            const current = same ? before : { ...file, since: at };
            next.set(file.name, current);
            const waitMs = waitOf(current);
            if (waitMs <= 0) stable.push(current);
            else soonest = Math.min(soonest ?? waitMs, waitMs);
          }
          return stable;
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
