import { useEffect, useState } from 'preact/hooks';
import { call, watch } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import type { Upload } from '#page/api/types.ts';

export interface UploadState {
  upload: Upload | null;
  problem: unknown;
  /** Changes are not seen for now. */
  isLost: boolean;
  isGone: boolean;
  /** Shows a state that an answer has told before the watch does. */
  adopt(upload: Upload): void;
  reload(): void;
}

/** An upload, which a watch keeps up to date. */
export function useUpload(namespace: string, name: string): UploadState {
  const [upload, setUpload] = useState<Upload | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [isLost, setLost] = useState(false);
  const [isGone, setGone] = useState(false);
  const [loads, setLoads] = useState(0);

  useEffect(() => {
    const ended = new AbortController();
    let close: (() => void) | null = null;
    const begin = async () => {
      setProblem(null);
      try {
        const path = apiPath(namespace, 'uploads', name);
        setUpload(await call<Upload>('GET', path, undefined, { signal: ended.signal }));
      } catch (error) {
        if (!ended.signal.aborted) setProblem(error);
        return;
      }
      if (ended.signal.aborted) return;
      close = watch(apiPath(namespace, 'uploads', name, 'watch'), (event) => {
        setLost(event.type === 'lost');
        if (event.type === 'deleted') setGone(true);
        else if (event.type === 'upload') setUpload(event.upload);
        else if (event.type === 'refused') {
          if (event.problem.status === 404) setGone(true);
          else setProblem(event.problem);
        }
      }).close;
    };
    void begin();
    return () => {
      ended.abort();
      close?.();
    };
  }, [namespace, name, loads]);

  return { upload, problem, isLost, isGone, adopt: setUpload, reload: () => setLoads((count) => count + 1) };
}
