/** SFTP requests as promises, each with a time limit: what the other parts of this folder ask a server for. */
import type { Client, FileEntry, SFTPWrapper, Stats } from 'ssh2';
import type { Fault } from '#common/faults.ts';
import { answerFault, isStatus, SFTP_REASONS, sftpFault } from './fault.ts';

export interface RemoteStat {
  kind: 'File' | 'Other';
  size: number;
  /** Seconds since the epoch: SFTP knows no smaller unit. */
  mtime: number;
}

export interface RemoteEntry extends RemoteStat {
  name: string;
}

/** Every method: @throws Fault SFTP_CONNECTION, SFTP_TIMEOUT (both end the session), SFTP_FILE */
export interface SftpSession extends AsyncDisposable {
  /** The connection is gone. */
  readonly ended: boolean;
  /** Of what is there itself: a link is not followed. Null where nothing is. */
  stat(path: string): Promise<RemoteStat | null>;
  /** The entries, some at a time as the server gives them. */
  readFolder(path: string): AsyncGenerator<RemoteEntry[], void, void>;
  openFile(path: string): Promise<RemoteFile>;
  /** Makes the folder unless it is there; its parent must be. */
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface RemoteFile {
  /** What the server answers with one packet. */
  readonly blockBytes: number;
  /** Of the open file, whatever its name stands for by now. */
  stat(): Promise<RemoteStat>;
  /** Reads into `target`; 0 at the end of the file, else between 1 and target.length. Many may be on the way at once. */
  read(target: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

const SAFE_BLOCK_BYTES = 30 * 1024;
/** Every request has its objects: over 1 GB 32 KiB gave 102 MB/s and 32 MB more heap, 128 KiB 118 MB/s and 12 MB. */
const MAX_BLOCK_BYTES = 128 * 1024;

export interface SessionOptions {
  server: { host: string; port: number };
  requestMs: number;
  signal: AbortSignal;
}

/** Opens the SFTP channel of a connection that is logged in. @throws Fault SFTP_* */
export async function createSession(client: Client, options: SessionOptions): Promise<SftpSession> {
  const { server, requestMs, signal } = options;
  const where = `${server.host}:${server.port}`;
  /** Of requests that wait, in their order: since when, for what, and how each is told that no answer will come. */
  const waiting = new Map<(fault: unknown) => void, { since: number; what: string }>();
  let end: unknown;
  const finish = (reason: unknown) => {
    if (end !== undefined) return;
    end = reason;
    signal.removeEventListener('abort', stop);
    clearInterval(watch);
    client.destroy();
    for (const fail of [...waiting.keys()]) fail(reason);
  };
  // One timer for all: a transfer has thousands of requests a second. A server that leaves one without an answer is not asked
  // again over the same connection.
  const watch = setInterval(() => {
    for (const { since, what } of waiting.values()) {
      if (performance.now() - since >= requestMs) finish(silentFault(where, what, requestMs));
      return;
    }
  }, requestMs / 8);
  const stop = () => finish(signal.reason);
  const lost = (cause?: unknown) => finish(lostFault(where, cause));
  signal.addEventListener('abort', stop, { once: true });
  client.on('error', lost);
  client.once('close', () => lost());
  if (signal.aborted) stop();

  /** `start` gets a callback in Node's way. */
  function request<T>(what: string, path: string, start: (done: (error?: unknown, value?: T) => void) => void) {
    return new Promise<T>((resolve, reject) => {
      if (end !== undefined) {
        reject(end);
        return;
      }
      const fail = (reason: unknown) => {
        waiting.delete(fail);
        reject(reason);
      };
      waiting.set(fail, { since: performance.now(), what });
      try {
        start((error, value) => {
          // SFTP's own refusals have a number; all else is the connection's end.
          if (!error) {
            waiting.delete(fail);
            resolve(value as T);
          } else if (typeof (error as { code?: unknown }).code === 'number') fail(answerFault(error, what, path));
          else lost(error);
        });
      } catch (error) {
        lost(error);
      }
    });
  }

  let sftp: SFTPWrapper;
  try {
    sftp = await request<SFTPWrapper>('open SFTP', '', (done) =>
      client.sftp((error, channel) => {
        if (error && /subsystem|open failure/i.test(error.message)) finish(noSftp(where, error));
        else done(error, channel);
      }),
    );
  } catch (error) {
    finish(error);
    throw error;
  }
  sftp.on('error', lost);
  sftp.once('close', () => lost());

  return {
    get ended() {
      return end !== undefined;
    },
    async stat(path) {
      try {
        return toStat(await request<Stats>('look at', path, (done) => sftp.lstat(path, done)));
      } catch (error) {
        if (isStatus(error, 'noSuchFile')) return null;
        throw error;
      }
    },
    async *readFolder(path) {
      const handle = await request<Buffer>('list', path, (done) => sftp.opendir(path, done));
      try {
        for (;;) {
          yield (await request<FileEntry[]>('list', path, (done) => sftp.readdir(handle, done))).map(toEntry);
        }
      } catch (error) {
        if (!isStatus(error, 'endOfFile')) throw error;
      } finally {
        if (end === undefined) await request('close', path, (done) => sftp.close(handle, done));
      }
    },
    async openFile(path) {
      const handle = await request<Buffer>('read', path, (done) => sftp.open(path, 'r', done));
      return {
        blockBytes: blockBytesOf(sftp),
        stat: async () => toStat(await request<Stats>('look at', path, (done) => sftp.fstat(handle, done))),
        read: (target, position) =>
          request<number>('read', path, (done) =>
            sftp.read(handle, target, 0, target.length, position, (error, bytes) => done(error, bytes)),
          ),
        async close() {
          if (end === undefined) await request('close', path, (done) => sftp.close(handle, done));
        },
      };
    },
    async makeFolder(path) {
      try {
        await request('make', path, (done) => sftp.mkdir(path, done));
      } catch (error) {
        // "Failure" is all that this version of the protocol has for a name that is taken.
        if (!isStatus(error, 'failure')) throw error;
      }
    },
    rename: (from, to) => request('rename', from, (done) => sftp.rename(from, to, done)),
    remove: (path) => request('delete', path, (done) => sftp.unlink(path, done)),
    async [Symbol.asyncDispose]() {
      finish(lostFault(where, undefined));
    },
  };
}

/**
 * A longer read would be split into several, one after the other. The library knows how long one may be (of OpenSSH by its
 * limits@openssh.com) and does not say it in its types; without it, what every server takes.
 */
function blockBytesOf(sftp: SFTPWrapper): number {
  const { _maxReadLen: limit } = sftp as { _maxReadLen?: unknown };
  return typeof limit === 'number' && limit > 0 ? Math.min(limit, MAX_BLOCK_BYTES) : SAFE_BLOCK_BYTES;
}

function toStat(stats: Stats): RemoteStat {
  return { kind: stats.isFile() ? 'File' : 'Other', size: stats.size, mtime: stats.mtime };
}

/** What a folder's list says of a link is the link itself, as in lstat. */
function toEntry({ filename, attrs }: FileEntry): RemoteEntry {
  const S_IFMT = 0o170000;
  const S_IFREG = 0o100000;
  const kind = (attrs.mode & S_IFMT) === S_IFREG ? 'File' : 'Other';
  return { name: filename, kind, size: attrs.size, mtime: attrs.mtime };
}

function noSftp(where: string, cause: Error): Fault {
  const message = `The server ${where} let this user in, and offers it no SFTP: ask the partner to permit it.`;
  return sftpFault('SFTP_PROTOCOL', SFTP_REASONS.protocol, message, { cause });
}

function lostFault(where: string, cause: unknown): Fault {
  return sftpFault('SFTP_CONNECTION', SFTP_REASONS.connectionLost, `The connection to ${where} was lost.`, { cause });
}

function silentFault(where: string, what: string, requestMs: number): Fault {
  const message = `The server ${where} gave no answer within ${requestMs / 1000} s (${what}).`;
  return sftpFault('SFTP_TIMEOUT', SFTP_REASONS.noAnswer, message);
}
