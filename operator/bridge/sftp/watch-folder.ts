/** Looks into a remote folder again and again, and says which files are there to be fetched. */
import { type BackoffLimits, backoffMs } from '#common/backoff.ts';
import { type Clock, jitter, sleep } from '#common/clock.ts';
import { type Fault, toFault } from '#common/faults.ts';
import type { Connection } from './connection.ts';
import { SFTP_REASONS } from './fault.ts';
import { listFiles, type RemoteFileInfo } from './list-files.ts';
import { createStableFiles, type StableFile } from './stable-files.ts';

export interface WatchFolderOptions {
  directory: string;
  doneSuffix: string | undefined;
  intervalSeconds: number;
  settleSeconds: number;
  connection: Connection;
  clock: Clock;
  random?: (() => number) | undefined;
  /** Nobody uses the connection: it may be closed until the next look. */
  isIdle: () => boolean;
  /** Which of them need not be fetched any more, as far as it is known without asking for each. */
  selectKnown: (files: StableFile[]) => Promise<ReadonlySet<string>>;
  /** One that has settled and waits for its turn; again in every look until it is {@link FolderWatch.done}. */
  onFile: (file: StableFile) => void;
  /** A look has ended: of all others nothing is there any more. */
  onLook: (present: ReadonlySet<string>, at: number) => void;
  onUnusable: (name: string, message: string) => void;
  onFailing: (fault: Fault) => void;
  onRecovered: () => void;
}

export interface FolderWatch {
  /** Looks until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** As long as the file stays what it is, it is not told of again. */
  done(file: RemoteFileInfo): void;
}

/** Files that wait at once, and those that are done and stay in the folder; about 10 MB. */
const MAX_WAITING = 10_000;
const MAX_DONE = 100_000;
/** Over a shorter wait the connection is kept: a new one costs more than its keepalives. */
const KEEP_OPEN_MS = 30_000;
/** Between two looks, however soon a file may settle. */
const MIN_WAIT_MS = 200;
const BACKOFF: BackoffLimits = { baseMs: 1_000, maxMs: 60_000 };

export function createFolderWatch(options: WatchFolderOptions): FolderWatch {
  const { directory, doneSuffix, connection, clock, random } = options;
  const stable = createStableFiles({
    settleSeconds: options.settleSeconds,
    now: () => clock.now(),
    maxFiles: MAX_WAITING,
  });
  /** Of a name, the size and time of change that nothing is left to do for. */
  const done = new Map<string, string>();
  const unusable = new Set<string>();

  const isOpen = (file: RemoteFileInfo) => done.get(file.name) !== versionOf(file);

  /** @returns milliseconds until the next file may have settled, or null */
  async function look(signal: AbortSignal): Promise<number | null> {
    const session = await connection.session(signal);
    const present = new Set<string>();
    const current = stable.startLook();
    const onUnusable = (name: string, message: string) => {
      if (unusable.has(name) || unusable.size >= 1_000) return;
      unusable.add(name);
      options.onUnusable(name, message);
    };
    for await (const files of listFiles(session, { directory, doneSuffix, onUnusable })) {
      signal.throwIfAborted();
      for (const { name } of files) present.add(name);
      const settled = current.see(files.filter(isOpen));
      const known = settled.length === 0 ? new Set() : await options.selectKnown(settled);
      for (const file of settled) {
        if (known.has(file.name)) markDone(file);
        else options.onFile(file);
      }
    }
    for (const name of done.keys()) if (!present.has(name)) done.delete(name);
    options.onLook(present, clock.now());
    return current.finish();
  }

  function markDone(file: RemoteFileInfo): void {
    done.delete(file.name);
    done.set(file.name, versionOf(file));
    // The oldest is asked for once more, which costs a question and no transfer.
    if (done.size > MAX_DONE) done.delete(done.keys().next().value!);
  }

  return {
    done: markDone,
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        let waitMs = jitter(options.intervalSeconds * 1000, 0.1, random);
        try {
          const soonest = await look(signal);
          if (failures > 0) options.onRecovered();
          failures = 0;
          if (soonest !== null) waitMs = Math.min(waitMs, Math.max(soonest, MIN_WAIT_MS));
        } catch (error) {
          if (signal.aborted) return;
          failures += 1;
          const fault = toFault(error);
          options.onFailing(fault);
          // A connection that may not be tried yet is waited for by itself.
          const backoff = backoffMs(failures, { ...BACKOFF, random });
          waitMs = fault.retryable && fault.reason !== SFTP_REASONS.serverError ? Math.min(waitMs, backoff) : waitMs;
        }
        if (waitMs > KEEP_OPEN_MS && options.isIdle()) await connection.release();
        await sleep(clock, waitMs, signal);
      }
    },
  };
}

function versionOf({ size, mtime }: RemoteFileInfo): string {
  return `${size} ${mtime}`;
}
