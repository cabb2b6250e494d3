/** The checksums of whole files that a sender may declare and the storage checks. Pure. */
import type { FileChecksum } from '#ledger/gateway/files.ts';

/**
 * By algorithm, the bytes of a checksum, and whether the storage can make the checksum of the whole file out of those of
 * the parts. SHA-1 is left out, since two files with the same SHA-1 can be made.
 */
export const CHECKSUMS = {
  CRC32: { bytes: 4, joins: true },
  CRC32C: { bytes: 4, joins: true },
  CRC64NVME: { bytes: 8, joins: true },
  SHA256: { bytes: 32, joins: false },
} as const;

export type ChecksumAlgorithm = keyof typeof CHECKSUMS;

/** Names of the same checksum, for a request's header and for the SDK. */
export const checksumHeader = (algorithm: string) => `x-amz-checksum-${algorithm.toLowerCase()}`;
export const checksumField = (algorithm: string) => `Checksum${algorithm}` as `Checksum${ChecksumAlgorithm}`;

/** The SDK's parameter with the checksum; none when the sender declared none. */
export function checksumParameter(
  checksum: FileChecksum | null,
): Partial<Record<`Checksum${ChecksumAlgorithm}`, string>> {
  return checksum === null ? {} : { [checksumField(checksum.algorithm)]: checksum.value };
}

/** @returns why the checksum cannot be one of its algorithm; null when it can. */
export function refuseChecksum({ algorithm, value }: FileChecksum, { inParts }: { inParts: boolean }): string | null {
  const { bytes, joins } = CHECKSUMS[algorithm as ChecksumAlgorithm];
  const decoded = Buffer.from(value, 'base64');
  if (decoded.toString('base64') !== value || decoded.length !== bytes) {
    return `must be the base64 of the ${bytes} bytes of a ${algorithm}, not of its hexadecimal text`;
  }
  if (!inParts || joins) return null;
  return `must be CRC64NVME, CRC32 or CRC32C: a file of this size is put in parts, and no storage makes the ${algorithm} of the whole out of theirs`;
}

type Told = Partial<Record<`Checksum${ChecksumAlgorithm}`, string | undefined>>;

/**
 * Compares what the storage tells of an object with what the sender declared. A storage that tells no checksum at all
 * keeps none. @returns what differs; null when nothing does
 */
export function compareChecksum(declared: FileChecksum | null, told: Told): string | null {
  if (declared === null) return null;
  const { algorithm, value } = declared;
  const found = told[checksumField(algorithm)];
  if (found === value) return null;
  if (found !== undefined) return `its ${algorithm} is ${found}, and ${value} was declared`;
  const others = Object.keys(CHECKSUMS).filter((name) => told[checksumField(name)] !== undefined);
  return others.length === 0 ? null : `it was put without the ${algorithm} that was declared`;
}
