/** The page's side of the Web Worker. The Worker's script is loaded when the first file is picked. */
import type { DeclaredFormat } from '#api/source-format.ts';
import { ownScript } from '#page/send/own-script.ts';
import type { CheckEvent, CheckRequest, FileFacts, FromWorker, ToWorker, WholeFault } from './types.ts';
import workerUrl from './worker.ts?worker&url';

/** Finds out what a file is, without a schema. Never settles when the signal aborts before. */
export function inspectFile(
  file: File,
  declared: DeclaredFormat,
  signal?: AbortSignal,
): Promise<FileFacts | WholeFault> {
  return new Promise((resolve) => {
    const { cancel } = run({ type: 'inspect', file, declared }, (message) => {
      if (message.type === 'inspected') resolve(message.result);
      else if (message.type === 'failed') resolve(message.fault);
    });
    signal?.addEventListener('abort', cancel);
  });
}

/** Checks a file. The last event is `done` or `failed`; after `cancel` there is none. */
export function startCheck(request: CheckRequest, onEvent: (event: CheckEvent) => void): { cancel(): void } {
  return run({ type: 'check', request }, (message) => {
    if (message.type !== 'inspected') onEvent(message);
  });
}

/** Each file gets a Worker of its own, so that ending the Worker gives back all of its memory. */
function run(message: ToWorker, onMessage: (message: FromWorker) => void): { cancel(): void } {
  const worker = new Worker(ownScript(workerUrl), { type: 'module', name: 'check' });
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === 'inspected' || data.type === 'done' || data.type === 'failed') worker.terminate();
    onMessage(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    worker.terminate();
    onMessage({ type: 'failed', fault: notStarted() });
  };
  worker.postMessage(message);
  return { cancel: () => worker.terminate() };
}

function notStarted(): WholeFault {
  return {
    reason: 'CheckFailed',
    message:
      'The check of the file ended by an error of the page, or could not be loaded. Load the page again, or send the file without a check: it is checked when it is loaded.',
  };
}
