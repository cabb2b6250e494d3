/** The faults of compressed files and archives, the same on every machine. */
import type { Fault } from '#common/faults.ts';
import { formatFault } from './source-format.ts';

/** Windows of up to 64 MiB, as `zstd --ultra -20` needs, are read. A larger window does not fit into a pod's memory. */
export const MAX_WINDOW_LOG = 26;

/** @param code what is wrong, by the name that zlib or zstd has for it */
export function damagedStream(code: string, cause?: unknown): Fault {
  return formatFault(
    'FileDamaged',
    `The compressed file is cut off or broken (${code}): upload it again, and check it first with gzip -t or zstd -t.`,
    cause,
  );
}

export function windowTooLarge(cause?: unknown): Fault {
  return formatFault(
    'FormatNotSupported',
    'The file is compressed by zstd with a window of more than 64 MiB: compress it without --long and --ultra, and upload it again.',
    cause,
  );
}

export function damagedArchive(cause: unknown): Fault {
  return formatFault(
    'FileDamaged',
    'The archive is cut off or broken: check it (unzip -t, or open it and save it again), and upload it again.',
    cause,
  );
}

export const MAX_MEMBERS = 10_000;

export function tooManyMembers(): Fault {
  return formatFault('FormatNotSupported', 'The archive has more than 10,000 files: a ZIP may hold one.');
}

export function unreadableMember(name: string, isEncrypted: boolean): Fault {
  return formatFault(
    'FormatNotSupported',
    `The archive's file ${name} is ${isEncrypted ? 'protected by a password' : 'compressed by another method than deflate'}: pack it anew as an ordinary ZIP, or with gzip.`,
  );
}
