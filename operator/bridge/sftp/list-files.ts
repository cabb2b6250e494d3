/** Lists the files of a remote folder that may be fetched: regular files that no program is still writing. */
import { answerFault, isStatus, SFTP_REASONS, sftpFault } from './fault.ts';
import type { RemoteEntry, SftpSession } from './session.ts';

export interface RemoteFileInfo {
  name: string;
  size: number;
  /** Seconds since the epoch. */
  mtime: number;
}

/** Endings that WinSCP, rsync, curl and browsers give to files which they have not finished. */
const PARTIAL = /\.(part|filepart|partial|tmp|crdownload)$/i;
/** The limit ends a list that a server would never end. */
const MAX_ENTRIES = 200_000;

export interface ListFilesOptions {
  directory: string;
  /** The ending that `afterFetch` adds to the name of a fetched file. */
  doneSuffix?: string | undefined;
  /** Called for each file whose name cannot be requested; the file is not fetched. */
  onUnusable?: (name: string, message: string) => void;
}

/**
 * Yields the folder's own files in batches, without subfolders, links, hidden files and unfinished files.
 * @throws Fault SFTP_*, also with the reasons DirectoryNotFound, PermissionDenied and DirectoryTooLarge
 */
export async function* listFiles(
  session: SftpSession,
  options: ListFilesOptions,
): AsyncGenerator<RemoteFileInfo[], void, void> {
  const { directory } = options;
  let seen = 0;
  try {
    for await (const entries of session.readFolder(directory)) {
      yield entries
        .filter((entry) => isCandidate(entry, options))
        .map(({ name, size, mtime }) => ({ name, size, mtime }));
      seen += entries.length;
      if (seen > MAX_ENTRIES) throw tooLarge(directory);
    }
  } catch (error) {
    throw isStatus(error, 'noSuchFile') ? notFound(directory) : answerFault(error, 'list', directory);
  }
}

function isCandidate({ name, kind }: RemoteEntry, { doneSuffix, onUnusable }: ListFilesOptions): boolean {
  if (kind !== 'File' || name.startsWith('.') || PARTIAL.test(name)) return false;
  if (doneSuffix !== undefined && name.endsWith(doneSuffix)) return false;
  const unusable = whyUnusable(name);
  if (unusable !== null) onUnusable?.(name, unusable);
  return unusable === null;
}

/** A name must be one step of a path: whatever the server lists, only files in the folder are requested. */
function whyUnusable(name: string): string | null {
  if (name === '' || /[/\0]/.test(name))
    return 'The server lists a name that is a path, so the file is not fetched: ask the partner to rename the file.';
  // Bytes that are not UTF-8 were replaced, so the file cannot be requested by its name.
  if (name.includes('\uFFFD'))
    return 'The name is not UTF-8, so the file cannot be fetched: ask the partner to rename the file.';
  return null;
}

/** The path of a file. @param directory may be relative to the folder where the login starts */
export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory.replace(/\/+$/, '')}/${name}`;
}

function notFound(directory: string) {
  const message = `The server has no folder ${directory}, or this user cannot see it: correct spec.sftp.directory, or ask the partner to make it.`;
  return sftpFault('SFTP_FILE', SFTP_REASONS.directoryNotFound, message);
}

function tooLarge(directory: string) {
  const message = `The folder ${directory} has more than ${MAX_ENTRIES} entries, and only the first of them are seen. Let fetched files be moved or deleted, and clear the folder.`;
  return sftpFault('SFTP_FILE', SFTP_REASONS.directoryTooLarge, message);
}
