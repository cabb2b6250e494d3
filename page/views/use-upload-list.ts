import { useEffect, useRef, useState } from 'preact/hooks';
import { call, session, watch } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import type { UploadPage } from '#page/api/types.ts';
import type { WatchEvent } from '#page/api/watch.ts';
import { type Asked, addPage, applyEvents, type Filters, toList, toQuery, type UploadList } from './upload-list.ts';

/** A person types a word before the list is asked for. */
const TYPING_MS = 300;
/** Changes are shown as often, so that a thousand running uploads keep the page quick. */
const SHOW_MS = 250;

export interface UploadListState {
  /** Null until the first page is there. */
  list: UploadList | null;
  problem: unknown;
  /** Changes are not seen for now. */
  isLost: boolean;
  isBusy: boolean;
  more(): void;
  reload(): void;
}

/** The uploads that fit the filters. One watch of the namespace keeps them up to date, whatever is filtered. */
export function useUploadList(namespace: string, filters: Filters): UploadListState {
  const [list, setList] = useState<UploadList | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const [isLost, setLost] = useState(false);
  const [loads, setLoads] = useState(0);
  const asked = useRef<Asked | null>(null);
  const since = useRef('');

  useEffect(() => {
    const ended = new AbortController();
    const load = async () => {
      const question: Asked = { filters, user: session.peek()!.user, at: Date.now() };
      try {
        const page = await fetchPage(namespace, toQuery(question), ended.signal);
        asked.current = question;
        setProblem(null);
        since.current = page.lastEventId;
        setList(toList(page));
      } catch (error) {
        if (!ended.signal.aborted) setProblem(error);
      }
    };
    const timer = setTimeout(() => void load(), asked.current === null ? 0 : TYPING_MS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [namespace, JSON.stringify(filters), loads]);

  const isThere = list !== null;
  useEffect(() => {
    if (!isThere) return;
    return watchInBatches(namespace, since.current, (events) => {
      setLost(events.at(-1)!.type === 'lost');
      const refused = events.find((event) => event.type === 'refused');
      if (refused !== undefined) setProblem(refused.problem);
      setList((before) => (before === null ? null : applyEvents(before, events, asked.current!)));
    });
  }, [namespace, isThere, loads]);

  const more = async () => {
    setBusy(true);
    try {
      const question = asked.current!;
      const page = await fetchPage(namespace, toQuery(question, list!.nextCursor!));
      setProblem(null);
      setList((before) => (before === null || asked.current !== question ? before : addPage(before, page)));
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return { list, problem, isLost, isBusy, more: () => void more(), reload: () => setLoads((count) => count + 1) };
}

function fetchPage(namespace: string, query: string, signal?: AbortSignal): Promise<UploadPage> {
  return call('GET', `${apiPath(namespace, 'uploads')}?${query}`, undefined, signal === undefined ? {} : { signal });
}

/** @returns a function that ends the watch */
function watchInBatches(namespace: string, since: string, onEvents: (events: WatchEvent[]) => void): () => void {
  let events: WatchEvent[] = [];
  const timer = setInterval(() => {
    if (events.length === 0) return;
    const told = events;
    events = [];
    onEvents(told);
  }, SHOW_MS);
  const { close } = watch(apiPath(namespace, 'uploads', 'watch'), (event) => events.push(event), since);
  return () => {
    clearInterval(timer);
    close();
  };
}
