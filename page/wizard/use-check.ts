/** Runs the check of a file while a component is shown, and keeps what the check has told. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type CheckEvent, type CheckRequest, startCheck } from '#page/check/protocol.ts';

/** What is decoded and checked at first, so that the answer comes within seconds. */
export const FIRST_BYTES = 8 * 1024 ** 2;

type EventOf<T extends CheckEvent['type']> = Extract<CheckEvent, { type: T }>;

export interface CheckState {
  isRunning: boolean;
  /** The person has stopped the check. */
  isStopped: boolean;
  isWhole: boolean;
  rows: EventOf<'rows'> | null;
  progress: EventOf<'progress'> | null;
  end: EventOf<'done'> | EventOf<'failed'> | null;
}

export interface Check extends CheckState {
  run(limitBytes: number | null): void;
  stop(): void;
}

const NOT_RUN: CheckState = {
  isRunning: false,
  isStopped: false,
  isWhole: false,
  rows: null,
  progress: null,
  end: null,
};

/** @param request the check begins at once, and anew with another request */
export function useCheck(request: Omit<CheckRequest, 'limitBytes'>): Check {
  const [state, setState] = useState(NOT_RUN);
  const running = useRef<{ cancel(): void } | null>(null);
  const cancel = () => {
    running.current?.cancel();
    running.current = null;
  };
  const run = (limitBytes: number | null) => {
    cancel();
    setState({ ...NOT_RUN, isRunning: true, isWhole: limitBytes === null });
    running.current = startCheck({ ...request, limitBytes }, (event) => setState((before) => after(before, event)));
  };
  const stop = () => {
    cancel();
    setState((before) => ({ ...before, isRunning: false, isStopped: true }));
  };
  useEffect(() => {
    run(FIRST_BYTES);
    return cancel;
  }, [request]);
  return { ...state, run, stop };
}

function after(state: CheckState, event: CheckEvent): CheckState {
  switch (event.type) {
    case 'rows':
      return { ...state, rows: event };
    case 'progress':
      return { ...state, progress: event };
    case 'done':
    case 'failed':
      return { ...state, isRunning: false, end: event };
    default:
      throw new Error(event satisfies never);
  }
}
