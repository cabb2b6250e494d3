/** An SFTP source in this process that records its own reports. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectNotice, Outcome } from '#operator/bridge/model/types.ts';
import { createPartBuffers } from '#operator/bridge/sftp/part-buffers.ts';
import { runSftpSource, type SftpSourceOptions } from '#operator/bridge/sftp/run-sftp-source.ts';
import { createRecordingLog, type LogEntry } from '#support/process/recording-log.ts';
import type { SshServer } from './ssh-server.ts';

export interface Report {
  key: string | null;
  reason: string;
  message: string;
}

export interface RecordingSource extends AsyncDisposable {
  admitted: ObjectNotice[];
  failing: Report[];
  ignored: Report[];
  looks: number;
  recovered: number;
  lag: number;
  log: LogEntry[];
  usedBytes(): number;
  /** Resolves when `test` is true, which is checked after each report. `limitMs` only bounds a failing test. */
  until(what: string, test: () => boolean, limitMs?: number): Promise<void>;
  /** Resolves when so many further looks have ended: what they had to do is done by then. */
  moreLooks(count: number): Promise<void>;
  stop(): Promise<void>;
}

export interface RecordingSourceOptions extends Partial<SftpSourceOptions> {
  ssh: SshServer;
  s3: S3Client;
  bucket: string;
  /** Port of a proxy in front of the server; the server's own port when absent. */
  port?: number;
  outcomeOf?: (notice: ObjectNotice) => Outcome;
}

export function startRecordingSource(options: RecordingSourceOptions): RecordingSource {
  const { ssh, port = ssh.port, outcomeOf, ...rest } = options;
  const stop = new AbortController();
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of [...listeners]) listener();
  };
  const log = createRecordingLog();
  const buffers = createPartBuffers();
  const recordIn = (list: Report[]) => (key: string | null, reason: string, message: string) => {
    list.push({ key, reason, message });
    changed();
  };
  const source: RecordingSource = {
    admitted: [],
    failing: [],
    ignored: [],
    looks: 0,
    recovered: 0,
    lag: 0,
    log: log.entries,
    usedBytes: () => buffers.usedBytes,
    async until(what, test, limitMs = 30_000) {
      if (test()) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const state = () =>
        JSON.stringify({ failing: source.failing, ignored: source.ignored, log: log.entries.slice(-5) });
      const timer = setTimeout(() => reject(new Error(`did not happen: ${what}; ${state()}`)), limitMs);
      const look = () => {
        if (test()) resolve();
      };
      listeners.add(look);
      await promise.finally(() => {
        clearTimeout(timer);
        listeners.delete(look);
      });
    },
    async moreLooks(count) {
      const enough = source.looks + count;
      await source.until(`${count} more looks`, () => source.looks >= enough);
    },
    async stop() {
      stop.abort(new Error('the test is over'));
      await running;
    },
    [Symbol.asyncDispose]: () => source.stop(),
  };
  const running = runSftpSource(
    {
      namespace: 'ns',
      name: 'partner',
      directory: 'outbox',
      uploadPrefix: 'raw-uploads/',
      intervalSeconds: 0.1,
      settleSeconds: 0,
      afterFetch: { action: 'Keep' },
      buffers,
      log,
      server: { host: '127.0.0.1', port, username: ssh.username },
      readSecret: async () => ({ name: 'partner', privateKey: ssh.privateKey, knownHosts: ssh.knownHosts({ port }) }),
      async admit(notices) {
        source.admitted.push(...notices);
        return notices.map((notice) => outcomeOf?.(notice) ?? { kind: 'Created', name: 'upload' });
      },
      status: {
        listed() {
          source.looks += 1;
          changed();
        },
        failing: recordIn(source.failing),
        ignored: recordIn(source.ignored),
        recovered() {
          source.recovered += 1;
          changed();
        },
        lag(seconds) {
          source.lag = seconds;
        },
      },
      ...rest,
    },
    stop.signal,
  );
  return source;
}
