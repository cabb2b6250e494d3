/** What the parts of `make bench` have in common. */
import type { OtherName } from '../contestants/others.ts';
import type { Contestant } from '../harness.ts';

export interface Part {
  title: string;
  /** Records of the largest contestant. */
  records: number;
  /** Bytes of all files of one contestant together. */
  bytes: number;
  /**
   * Name of the contestant that the others are compared with, or what the contestants have in common that others name as
   * theirs; null when nothing is compared.
   */
  baseline: string | null;
  contestants: Contestant[];
}

export interface PartOptions {
  records: number;
  /** The contestants that take part beside ours and `\copy`. */
  others: readonly OtherName[];
  say: (line: string) => void;
}

/** The parallelism at which the parts compare everything but parallelism itself: as many sessions as this bench has cores. */
export const PARALLELISM = 2;
