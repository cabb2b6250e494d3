/** What becomes of a remote file once its upload is there. */
import { Fault } from '#common/faults.ts';
import { isLost, isStatus, SFTP_REASONS, sftpFault, show } from './fault.ts';
import { limitBytes } from './file-identity.ts';
import { joinPath, type RemoteFileInfo } from './list-files.ts';
import type { SftpSession } from './session.ts';

export type AfterFetch =
  /** To a folder below the watched one, or anywhere by an absolute path; made when it is missing. */
  | { action: 'Move'; directory: string }
  | { action: 'Rename'; suffix: string }
  | { action: 'Delete' }
  | { action: 'Keep' };

export type AfterFetchResult =
  | { kind: 'Done'; path: string | null }
  /** It is another file by now, or gone: nothing was done. */
  | { kind: 'Changed' };

export interface AfterFetchOptions {
  directory: string;
  file: RemoteFileInfo;
  afterFetch: AfterFetch;
  /** For a name that is taken. */
  now: Date;
}

/** Of a name, on the file systems that servers have. */
const MAX_NAME_BYTES = 255;

/** @throws Fault SFTP_FILE, reason AfterFetchFailed; and of the connection */
export async function finishRemoteFile(session: SftpSession, options: AfterFetchOptions): Promise<AfterFetchResult> {
  const { directory, file, afterFetch } = options;
  if (afterFetch.action === 'Keep') return { kind: 'Done', path: null };
  const path = joinPath(directory, file.name);
  try {
    // A file that was written anew since must not be lost under the name of the one that was fetched.
    const there = await session.stat(path);
    if (there?.size !== file.size || there.mtime !== file.mtime) return { kind: 'Changed' };
    if (afterFetch.action === 'Delete') {
      await session.remove(path);
      return { kind: 'Done', path: null };
    }
    return { kind: 'Done', path: await moveFile(session, path, options) };
  } catch (error) {
    // Somebody else was faster.
    if (isStatus(error, 'noSuchFile') && (await session.stat(path)) === null) return { kind: 'Changed' };
    if (isLost(error) || !(error instanceof Fault)) throw error;
    throw failedFault(path, afterFetch, error);
  }
}

async function moveFile(session: SftpSession, path: string, options: AfterFetchOptions): Promise<string> {
  const { directory, file, afterFetch, now } = options;
  const [folder, suffix] =
    afterFetch.action === 'Move'
      ? [folderOf(directory, afterFetch.directory), '']
      : [directory, (afterFetch as { suffix: string }).suffix];
  if (afterFetch.action === 'Move' && (await session.stat(folder)) === null) await makeFolders(session, folder);
  const plain = joinPath(folder, withEnding(file.name, suffix));
  // Servers differ in what a rename does to a file that has the name already: it is not left to them.
  if ((await session.stat(plain)) === null) {
    await session.rename(path, plain);
    return plain;
  }
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('.', '');
  const other = joinPath(folder, withEnding(file.name, `.${stamp}${suffix}`));
  await session.rename(path, other);
  return other;
}

function folderOf(directory: string, below: string): string {
  return below.startsWith('/') ? below : joinPath(directory, below);
}

/** From the first folder that is missing; the watched one is there. */
async function makeFolders(session: SftpSession, folder: string): Promise<void> {
  const parent = folder.replace(/\/+[^/]*$/, '');
  if (parent !== '' && parent !== folder && (await session.stat(parent)) === null) await makeFolders(session, parent);
  await session.makeFolder(folder);
}

function withEnding(name: string, ending: string): string {
  return limitBytes(name, MAX_NAME_BYTES - Buffer.byteLength(ending)) + ending;
}

function failedFault(path: string, afterFetch: AfterFetch, cause: Fault): Fault {
  const what = { Move: 'moved', Rename: 'renamed', Delete: 'deleted', Keep: 'kept' }[afterFetch.action];
  return sftpFault(
    'SFTP_FILE',
    SFTP_REASONS.afterFetchFailed,
    `The file ${show(path)} was fetched and is an upload, and could not be ${what}: ${cause.message} It is not fetched again; let this user write in the folder, or set spec.sftp.afterFetch.action to Keep.`,
    { cause },
  );
}
