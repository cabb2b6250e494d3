/** Moves, renames, deletes or keeps a remote file once its upload exists. */
import { Fault } from '#common/faults.ts';
import { isLost, isStatus, SFTP_REASONS, sftpFault, show } from './fault.ts';
import { limitBytes } from './file-identity.ts';
import { joinPath, type RemoteFileInfo } from './list-files.ts';
import type { SftpSession } from './session.ts';

export type AfterFetch =
  /** `directory` is below the watched folder unless its path is absolute; it is made when it is missing. */
  | { action: 'Move'; directory: string }
  | { action: 'Rename'; suffix: string }
  | { action: 'Delete' }
  | { action: 'Keep' };

export type AfterFetchResult =
  | { kind: 'Done'; path: string | null }
  /** The file is missing, or another file has its name by now: nothing was done. */
  | { kind: 'Changed' };

export interface AfterFetchOptions {
  directory: string;
  file: RemoteFileInfo;
  afterFetch: AfterFetch;
  /** Goes into the file's new name when another file has that name. */
  now: Date;
}

/** The file systems of common servers allow no longer name. */
const MAX_NAME_BYTES = 255;

/** @throws Fault SFTP_FILE with the reason AfterFetchFailed, and the faults of the connection */
export async function finishRemoteFile(session: SftpSession, options: AfterFetchOptions): Promise<AfterFetchResult> {
  const { directory, file, afterFetch } = options;
  if (afterFetch.action === 'Keep') return { kind: 'Done', path: null };
  const path = joinPath(directory, file.name);
  try {
    // A newer file of the same name was not fetched, so it must not be moved or deleted.
    const current = await session.stat(path);
    if (current?.size !== file.size || current.mtime !== file.mtime) return { kind: 'Changed' };
    if (afterFetch.action === 'Delete') {
      await session.remove(path);
      return { kind: 'Done', path: null };
    }
    return { kind: 'Done', path: await moveFile(session, path, options) };
  } catch (error) {
    // Somebody else has moved or deleted the file meanwhile.
    if (isStatus(error, 'noSuchFile') && (await session.stat(path)) === null) return { kind: 'Changed' };
    if (isLost(error) || !(error instanceof Fault)) throw error;
    throw failedFault(path, afterFetch, error);
  }
}

async function moveFile(session: SftpSession, path: string, options: AfterFetchOptions): Promise<string> {
  const { directory, file, afterFetch, now } = options;
  const folder = afterFetch.action === 'Move' ? folderOf(directory, afterFetch.directory) : directory;
  const suffix = afterFetch.action === 'Rename' ? afterFetch.suffix : '';
  if (afterFetch.action === 'Move' && (await session.stat(folder)) === null) await makeFolders(session, folder);
  const plain = joinPath(folder, withEnding(file.name, suffix));
  // Servers differ in what a rename does to a file that has the name already, so a taken name is never used.
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

/** Makes the folder and its missing parents. The watched folder exists, so the recursion ends. */
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
    `The file ${show(path)} was fetched and is an upload, but it could not be ${what}: ${cause.message} The file is not fetched again. Let this user write in the folder, or set spec.sftp.afterFetch.action to Keep.`,
    { cause },
  );
}
