/** This is what the parts of `make bench` have in common. */
import type { OtherName } from '../contestants/others.ts';
import type { Contestant } from '../harness.ts';

export interface Part {
  title: string;
  /** Records of the largest contestant. */
  records: number;
  /** Bytes of all files of one contestant together. */
  bytes: number;
  /**
   * Name of the contestant with which those are compared that name none of their own. The name heads the column of the
   * ratios; null when nothing is compared.
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

/** The sessions of ours in all parts that are not about parallelism itself. */
export const PARALLELISM = 2;
