/** Looks into a remote folder at intervals, and reports the files to fetch. One look lists the whole folder once. */
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
  /** True when nobody uses the connection, so that it may be closed until the next look. */
  isIdle: () => boolean;
  /** Returns the names of files that need not be fetched, as far as one question about all files can show. */
  selectKnown: (files: StableFile[]) => Promise<ReadonlySet<string>>;
  /** Called for each stable file in every look, until the file is {@link FolderWatch.done}. */
  onFile: (file: StableFile) => void;
  /** Called at the start of a look. */
  onLookStart: () => void;
  /**
   * Called at the end of a look with the names of all files in the folder, and with the files that are not stable yet.
   * `at` is the wall clock in ms.
   */
  onLook: (present: ReadonlySet<string>, at: number, unstable: readonly RemoteFileInfo[]) => void;
  onUnusable: (name: string, message: string) => void;
  onFailing: (fault: Fault) => void;
  onRecovered: () => void;
}

export interface FolderWatch {
  /** Looks until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** The file is not reported again while its size and time of change stay the same. */
  done(file: RemoteFileInfo): void;
}

/** Files that may wait at once. */
const MAX_WAITING = 10_000;
/** Files that are done and stay in the folder. They and the waiting files take about 10 MB. */
const MAX_DONE = 100_000;
/** The connection stays open over a shorter wait, because a new one costs more than its keepalives. */
const KEEP_OPEN_MS = 30_000;
/** Shortest wait between two looks, however soon a file may be stable. */
const MIN_WAIT_MS = 200;
const BACKOFF: BackoffLimits = { baseMs: 1_000, maxMs: 60_000 };

export function createFolderWatch(options: WatchFolderOptions): FolderWatch {
  const { directory, doneSuffix, connection, clock, random } = options;
  const stable = createStableFiles({
    settleSeconds: options.settleSeconds,
    now: () => clock.now(),
    maxFiles: MAX_WAITING,
  });
  /** Size and time of change of each file that is done, by name. */
  const done = new Map<string, string>();
  const unusable = new Set<string>();

  const isPending = (file: RemoteFileInfo) => done.get(file.name) !== versionOf(file);

  /** @returns milliseconds until the next file may be stable, or null */
  async function look(signal: AbortSignal): Promise<number | null> {
    const session = await connection.session(signal);
    options.onLookStart();
    const present = new Set<string>();
    const unstable: RemoteFileInfo[] = [];
    const current = stable.startLook();
    const onUnusable = (name: string, message: string) => {
      if (unusable.has(name) || unusable.size >= 1_000) return;
      unusable.add(name);
      options.onUnusable(name, message);
    };
    for await (const files of listFiles(session, { directory, doneSuffix, onUnusable })) {
      signal.throwIfAborted();
      for (const { name } of files) present.add(name);
      const pending = files.filter(isPending);
      const ready = current.see(pending);
      const readyNames = new Set(ready.map(({ name }) => name));
      unstable.push(...pending.filter(({ name }) => !readyNames.has(name)));
      const known = ready.length === 0 ? new Set() : await options.selectKnown(ready);
      for (const file of ready) {
        if (known.has(file.name)) markDone(file);
        else options.onFile(file);
      }
    }
    for (const name of done.keys()) if (!present.has(name)) done.delete(name);
    options.onLook(present, clock.now(), unstable);
    return current.finish();
  }

  function markDone(file: RemoteFileInfo): void {
    done.delete(file.name);
    done.set(file.name, versionOf(file));
    // A file that is dropped here is checked once more, which costs a question and no transfer.
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
          // This wait may be shorter than the backoff of the connection, because `session` waits for that one itself.
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
