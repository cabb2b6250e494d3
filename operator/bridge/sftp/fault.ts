/** Faults of remote servers: what can go wrong, and what a person can do. */
import { Fault } from '#common/faults.ts';

/** The status codes of SFTP that have faults of their own (draft-ietf-secsh-filexfer-02, section 7). */
export const SFTP_STATUS = { endOfFile: 1, noSuchFile: 2, permissionDenied: 3, failure: 4, unsupported: 8 } as const;

/** Reasons in the status of an UploadSource of the kind sftp. Those of the storage come in addition. */
export const SFTP_REASONS = {
  /** knownHosts has no line for this host. */
  hostKeyUnknown: 'HostKeyUnknown',
  /** knownHosts has a line for this host with another key, or the key is revoked. */
  hostKeyMismatch: 'HostKeyMismatch',
  /** The server refused the login. */
  accessDenied: 'AccessDenied',
  /** A key of the Secret is missing or cannot be read. */
  secretInvalid: 'SecretInvalid',
  /** The server has no SSH or SFTP that this client speaks. */
  protocol: 'ProtocolNotSupported',
  unreachable: 'HostUnreachable',
  connectionLost: 'ConnectionLost',
  noAnswer: 'NoAnswer',
  directoryNotFound: 'DirectoryNotFound',
  directoryTooLarge: 'DirectoryTooLarge',
  fileNotFound: 'FileNotFound',
  fileChanged: 'FileChanged',
  permissionDenied: 'PermissionDenied',
  nameNotSupported: 'NameNotSupported',
  /** The file is an upload, and could not be moved, renamed or deleted afterwards. */
  afterFetchFailed: 'AfterFetchFailed',
  serverError: 'ServerError',
} as const;

export type SftpReason = (typeof SFTP_REASONS)[keyof typeof SFTP_REASONS];

export type SftpCode =
  | 'SFTP_HOST_KEY'
  | 'SFTP_LOGIN'
  | 'SFTP_PROTOCOL'
  | 'SFTP_CONNECTION'
  | 'SFTP_TIMEOUT'
  | 'SFTP_FILE'
  | 'SFTP_CHANGED'
  | 'CFG_SECRET';

/** Faults with these codes end the session; a new session may succeed. */
const LOST: ReadonlySet<string> = new Set<SftpCode>(['SFTP_CONNECTION', 'SFTP_TIMEOUT']);
const RETRYABLE: ReadonlySet<string> = new Set<SftpReason>(['ServerError', 'FileChanged']);

export function sftpFault(
  code: SftpCode,
  reason: SftpReason,
  message: string,
  extra: { cause?: unknown; context?: Record<string, unknown> } = {},
): Fault {
  const category = LOST.has(code) || RETRYABLE.has(reason) ? 'retryable' : 'permanent';
  return new Fault({ code, category, reason, message, ...extra });
}

/** True when the connection failed, and not the operation. */
export function isLost(error: unknown): boolean {
  return error instanceof Fault && LOST.has(error.code);
}

export function isStatus(error: unknown, status: keyof typeof SFTP_STATUS): boolean {
  const answer = error instanceof Fault ? error.cause : error;
  return (answer as { code?: unknown } | undefined)?.code === SFTP_STATUS[status];
}

/** Makes a fault of a server's refusal for a path. The server's words are shown, since they hold no record values. */
export function answerFault(error: unknown, what: string, path: string): Fault {
  if (error instanceof Fault) return error;
  const extra = { cause: error };
  if (isStatus(error, 'noSuchFile'))
    return sftpFault('SFTP_FILE', SFTP_REASONS.fileNotFound, `The server has no ${show(path)} (${what}).`, extra);
  if (isStatus(error, 'permissionDenied'))
    return sftpFault(
      'SFTP_FILE',
      SFTP_REASONS.permissionDenied,
      `The server does not permit this user to ${what} ${show(path)}.`,
      extra,
    );
  const words = error instanceof Error ? error.message : String(error);
  const message = `The server could not ${what} ${show(path)}: ${words.slice(0, 200)}.`;
  return sftpFault('SFTP_FILE', SFTP_REASONS.serverError, message, extra);
}

/** A remote name for a message: control characters are replaced, and a long name is cut. */
export function show(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters must not get into a message
  const plain = path.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '\uFFFD');
  return plain.length <= 200 ? plain : `${plain.slice(0, 100)}…${plain.slice(-90)}`;
}
