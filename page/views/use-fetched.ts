import { useEffect, useState } from 'preact/hooks';
import { call } from '#page/api/api.ts';

export interface Fetched<T> {
  /** Null until the answer is there. */
  data: T | null;
  problem: unknown;
  reload(): void;
}

/** What the gateway answers to GET of the path. */
export function useFetched<T>(path: string): Fetched<T> {
  const [data, setData] = useState<T | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [loads, setLoads] = useState(0);
  useEffect(() => {
    const ended = new AbortController();
    setProblem(null);
    setData(null);
    call<T>('GET', path, undefined, { signal: ended.signal }).then(setData, (error: unknown) => {
      if (!ended.signal.aborted) setProblem(error);
    });
    return () => ended.abort();
  }, [path, loads]);
  return { data, problem, reload: () => setLoads((count) => count + 1) };
}
