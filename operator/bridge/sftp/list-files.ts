/** What of a remote folder may be a file for us: its regular files, without those that somebody is still writing. */
import { answerFault, isStatus, SFTP_REASONS, sftpFault } from './fault.ts';
import type { RemoteEntry, SftpSession } from './session.ts';

export interface RemoteFileInfo {
  name: string;
  size: number;
  /** Seconds since the epoch. */
  mtime: number;
}

/** How programs name what they have not written to its end: WinSCP, rsync, curl, browsers. */
const PARTIAL = /\.(part|filepart|partial|tmp|crdownload)$/i;
/** A server that never ends its list must not hold us for ever. */
const MAX_ENTRIES = 200_000;

export interface ListOptions {
  directory: string;
  /** What after-fetch adds to a name: such a file was fetched. */
  doneSuffix?: string | undefined;
  /** Called for a name that cannot be asked for: told, and left where it is. */
  onUnusable?: (name: string, message: string) => void;
}

/**
 * The files of the folder itself, some at a time; subfolders, links, hidden files and unfinished ones are left out.
 * @throws Fault SFTP_*; reasons DirectoryNotFound, PermissionDenied, DirectoryTooLarge
 */
export async function* listFiles(
  session: SftpSession,
  options: ListOptions,
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

function isCandidate({ name, kind }: RemoteEntry, { doneSuffix, onUnusable }: ListOptions): boolean {
  if (kind !== 'File' || name.startsWith('.') || PARTIAL.test(name)) return false;
  if (doneSuffix !== undefined && name.endsWith(doneSuffix)) return false;
  const unusable = whyUnusable(name);
  if (unusable !== null) onUnusable?.(name, unusable);
  return unusable === null;
}

/** A name is one step of a path: whatever the server says, nothing beside the folder is asked for. */
function whyUnusable(name: string): string | null {
  if (name === '' || /[/\0]/.test(name)) return 'The server lists a name that is a path: it is not fetched.';
  // What was no UTF-8 has been replaced, so that the file cannot be asked for by its name.
  if (name.includes('\uFFFD')) return 'The name is not UTF-8: ask the partner to rename the file.';
  return null;
}

/** A file's path. @param directory may be relative to where the login starts */
export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : `${directory.replace(/\/+$/, '')}/${name}`;
}

function notFound(directory: string) {
  const message = `The server has no folder ${directory}, or this user cannot see it: correct spec.sftp.directory, or ask the partner to make it.`;
  return sftpFault('SFTP_FILE', SFTP_REASONS.directoryNotFound, message);
}

function tooLarge(directory: string) {
  const message = `The folder ${directory} has more than ${MAX_ENTRIES} entries: only the first are looked at. Let fetched files be moved or deleted, and clear the folder.`;
  return sftpFault('SFTP_FILE', SFTP_REASONS.directoryTooLarge, message);
}
