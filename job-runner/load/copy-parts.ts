/**
 * Copies rows of which PostgreSQL refuses some. The context of the error names the line at which a COPY has stopped: the
 * rows before it are copied by another COPY, and the row itself by one of its own, whose error tells why. An error that
 * comes behind the last line, as that of a foreign key does, names none; then fewer and fewer rows are tried. The same is
 * done with pending records, which no COPY reads.
 */
import { refusedRow } from './refusals.ts';
import { attempt } from './savepoints.ts';
import type { WriteOptions } from './stage-records.ts';
import { explainRefusal, type WriteOutcome } from './write-outcome.ts';

/** At least so many rows are tried together behind a refused one. */
const FEW = 16;

interface Copy {
  copy: (options: WriteOptions) => Promise<void>;
  /** Does the copy store rows, so that the code of the table runs? */
  isStored: boolean;
}

/** Adds the refused rows to the outcome. @returns the positions of the other rows, which are copied. */
export async function copyParts(
  options: WriteOptions,
  outcome: WriteOutcome,
  { copy, isStored }: Copy,
): Promise<number[]> {
  const { client, target, rows, buffer } = options;
  const attemptRows = (part: readonly number[]) => attempt(client, () => copy({ ...options, rows: part }));
  const refused = new Set<number>();
  let size = rows.length;
  for (let from = 0; from < rows.length; ) {
    const part = rows.slice(from, from + size);
    const tried = await attemptRows(part);
    if (tried.ok) {
      from += part.length;
      size *= 2;
      continue;
    }
    if (part.length === 1) {
      const rowNumber = buffer.rowNumber(part[0]!);
      outcome.refused.push({ rowNumber, ...explainRefusal(tried.error, target, isStored) });
      refused.add(part[0]!);
      from += 1;
      size = FEW;
      continue;
    }
    const at = refusedRow(tried.error);
    if (at === null || at >= part.length) size = part.length >> 1;
    else if (at === 0) size = 1;
    else if ((await attemptRows(part.slice(0, at))).ok) {
      from += at;
      size = 1;
    } else size = at >> 1 || 1;
  }
  return rows.filter((row) => !refused.has(row));
}
