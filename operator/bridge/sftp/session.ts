/** The SFTP operations that the other files of this folder use, as promises with a time limit. */
import type { Client, FileEntry, SFTPWrapper, Stats } from 'ssh2';
import type { Fault } from '#common/faults.ts';
import { isStatus, SFTP_REASONS, sftpFault } from './fault.ts';
import { createRequests, type Requests, type RequestsOptions } from './requests.ts';

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
  /** True when the connection is closed: the session serves no request any more. */
  readonly ended: boolean;
  /** The state of the entry at this path, or null when there is none. A link is not followed. */
  stat(path: string): Promise<RemoteStat | null>;
  /** All entries of the folder, in the batches in which the server sends them. */
  readFolder(path: string): AsyncGenerator<RemoteEntry[], void, void>;
  openFile(path: string): Promise<RemoteFile>;
  /** Makes the folder unless it exists; its parent must exist. */
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface RemoteFile {
  /** The largest read that the server answers with one packet. */
  readonly blockBytes: number;
  /** The state of the opened file, even if its name belongs to another file by now. */
  stat(): Promise<RemoteStat>;
  /**
   * Reads into `target` and returns the number of bytes: 0 at the end of the file, else between 1 and target.length.
   * Many reads may be in flight.
   */
  read(target: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

const SAFE_BLOCK_BYTES = 30 * 1024;
/**
 * Each request allocates objects: blocks of 32 KiB gave 102 MB/s and took 32 MB more heap, 128 KiB 118 MB/s and 12 MB.
 */
const MAX_BLOCK_BYTES = 128 * 1024;

/** Opens the SFTP channel of a connection that is logged in. @throws Fault SFTP_* */
export async function createSftpSession(client: Client, options: RequestsOptions): Promise<SftpSession> {
  const requests = createRequests(client, options);
  const sftp = await openChannel(client, requests, options.server);
  const closeHandle = async (path: string, handle: Buffer) => {
    if (!requests.ended) await requests.send('close', path, (done) => sftp.close(handle, done));
  };
  return {
    get ended() {
      return requests.ended;
    },
    async stat(path) {
      try {
        return toStat(await requests.send<Stats>('look at', path, (done) => sftp.lstat(path, done)));
      } catch (error) {
        if (isStatus(error, 'noSuchFile')) return null;
        throw error;
      }
    },
    async *readFolder(path) {
      const handle = await requests.send<Buffer>('list', path, (done) => sftp.opendir(path, done));
      try {
        for (;;) {
          yield (await requests.send<FileEntry[]>('list', path, (done) => sftp.readdir(handle, done))).map(toEntry);
        }
      } catch (error) {
        if (!isStatus(error, 'endOfFile')) throw error;
      } finally {
        await closeHandle(path, handle);
      }
    },
    async openFile(path) {
      const handle = await requests.send<Buffer>('read', path, (done) => sftp.open(path, 'r', done));
      return {
        blockBytes: blockBytesOf(sftp),
        stat: async () => toStat(await requests.send<Stats>('look at', path, (done) => sftp.fstat(handle, done))),
        read: (target, position) =>
          requests.send<number>('read', path, (done) =>
            sftp.read(handle, target, 0, target.length, position, (error, bytes) => done(error, bytes)),
          ),
        close: () => closeHandle(path, handle),
      };
    },
    async makeFolder(path) {
      try {
        await requests.send('make', path, (done) => sftp.mkdir(path, done));
      } catch (error) {
        // This version of the protocol answers "Failure" when the name is taken; it has no code of its own for that.
        if (!isStatus(error, 'failure')) throw error;
      }
    },
    rename: (from, to) => requests.send('rename', from, (done) => sftp.rename(from, to, done)),
    remove: (path) => requests.send('delete', path, (done) => sftp.unlink(path, done)),
    async [Symbol.asyncDispose]() {
      requests.lose();
    },
  };
}

async function openChannel(client: Client, requests: Requests, { host, port }: RequestsOptions['server']) {
  try {
    const sftp = await requests.send<SFTPWrapper>('open SFTP', '', (done) =>
      client.sftp((error, channel) => {
        if (error && /subsystem|open failure/i.test(error.message)) requests.end(noSftp(`${host}:${port}`, error));
        else done(error, channel);
      }),
    );
    sftp.on('error', requests.lose);
    sftp.once('close', () => requests.lose());
    return sftp;
  } catch (error) {
    requests.end(error);
    throw error;
  }
}

/**
 * The library would split a longer read into several, one after the other. It knows the server's limit (OpenSSH gives
 * it by limits@openssh.com), but its types do not have the property. Without a limit the answer is what every server
 * takes.
 */
function blockBytesOf(sftp: SFTPWrapper): number {
  const { _maxReadLen: limit } = sftp as { _maxReadLen?: unknown };
  return typeof limit === 'number' && limit > 0 ? Math.min(limit, MAX_BLOCK_BYTES) : SAFE_BLOCK_BYTES;
}

function toStat(stats: Stats): RemoteStat {
  return { kind: stats.isFile() ? 'File' : 'Other', size: stats.size, mtime: stats.mtime };
}

/** The list of a folder describes a link itself, as lstat does. */
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
