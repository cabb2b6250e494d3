/** The failed records by the code of their first fault, with some records of each. Pure. */
import type { ErrorCounts, FailedRecord } from '#page/api/types.ts';

export interface FaultGroup {
  code: string;
  count: number;
  /** What the code means in this file, in the gateway's words; a rule's own message for a code of the schema. */
  message: string | null;
  samples: FailedRecord[];
}

const SAMPLES = 3;

/** @param records the first failed records in the order of their rows */
export function groupFaults({ codes }: ErrorCounts, records: readonly FailedRecord[]): FaultGroup[] {
  const byCode = Map.groupBy(records, ({ faults }) => faults[0]?.code ?? '');
  return codes.map(({ code, count, message }) => ({
    code,
    count,
    message: message ?? null,
    samples: (byCode.get(code) ?? []).slice(0, SAMPLES),
  }));
}
