import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import type { ErrorCounts, FailedRecord, FailedRecordPage, Upload } from '#page/api/types.ts';
import { isRunning } from './upload-state.ts';

/** Records of which samples are chosen. */
const FIRST_RECORDS = 200;
/** The faults of an upload that runs are asked for again as often. */
const AGAIN_MS = 10_000;

export interface Faults {
  counts: ErrorCounts;
  records: FailedRecord[];
}

/** The failed records of an upload. Null until they are there. */
export function useFaults(upload: Upload): { faults: Faults | null; problem: unknown; reload: () => void } {
  const [faults, setFaults] = useState<Faults | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [loads, setLoads] = useState(0);
  const askedAt = useRef(Number.NEGATIVE_INFINITY);
  const { namespace, name, uid, records } = upload;

  useEffect(() => {
    const ended = new AbortController();
    const load = async () => {
      askedAt.current = performance.now();
      try {
        setFaults(await fetchFaults(namespace, name, ended.signal));
        setProblem(null);
      } catch (error) {
        if (!ended.signal.aborted) setProblem(error);
      }
    };
    const waitMs = isRunning(upload) ? askedAt.current + AGAIN_MS - performance.now() : 0;
    const timer = setTimeout(() => void load(), Math.max(0, waitMs));
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [namespace, name, uid, records?.failed, isRunning(upload), loads]);

  return { faults, problem, reload: () => setLoads((count) => count + 1) };
}

async function fetchFaults(namespace: string, name: string, signal: AbortSignal): Promise<Faults> {
  const path = apiPath(namespace, 'uploads', name, 'errors');
  const [counts, { items }] = await Promise.all([
    call<ErrorCounts>('GET', path, undefined, { signal }),
    call<FailedRecordPage>('GET', `${path}/records?limit=${FIRST_RECORDS}`, undefined, { signal }),
  ]);
  return { counts, records: items };
}
