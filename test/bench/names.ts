/** Names of contestants by which the targets find them. */

/** Contestants that do not store everything in one transaction have this in their names. */
export const NOT_ATOMIC = 'not atomic';
/** A contestant that stores nothing has this in its name. */
export const READING_ONLY = 'reading only';

/** pgloader commits after every 25,000 rows. */
export const PGLOADER = `pgloader, ${NOT_ATOMIC}`;

export const NO_DUPLICATES = 'none';
export const DUPLICATES_IN_TABLE = '10 % in the table';

export function nameOfDuplicates(share: number): string {
  return `${percent(share)} in the file`;
}

export type Constraint = 'foreign key' | 'check';

export function nameOfRefusals(by: Constraint, share: number): string {
  return share === 0 ? `${by}, none refused` : `${percent(share)} refused by a ${by}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}
