/** How a large file is cut into parts. Sizes are in bytes. Pure. */

/** S3's largest object. */
export const MAX_FILE_BYTES = 5 * 1024 ** 4;
export const MAX_PARTS = 10_000;
const MIB = 1024 ** 2;

export interface Cut {
  size: number;
  /** The size of every part but the last. */
  partSize: number;
}

/** @returns the smallest whole number of MiB with which the file has no more parts than S3 allows, and at least `least`. */
export function choosePartSize(size: number, least: number): number {
  return Math.max(least, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

export const countParts = ({ size, partSize }: Cut) => Math.ceil(size / partSize);

/** Parts are numbered from 1. */
export const sizeOfPart = ({ size, partSize }: Cut, number: number) =>
  Math.min(partSize, size - (number - 1) * partSize);
