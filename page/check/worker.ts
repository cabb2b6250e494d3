/** The Web Worker of the page: it gets one message, and answers with events. */
import { checkFile } from './check-file.ts';
import { inspectFile } from './inspect-file.ts';
import type { FromWorker, ToWorker } from './types.ts';
import { toWholeFault } from './whole-fault.ts';

interface WorkerScope {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data }) => {
  try {
    await answer(data);
  } catch (error) {
    scope.postMessage({ type: 'failed', fault: toWholeFault(error) });
  }
};

async function answer(message: ToWorker): Promise<void> {
  switch (message.type) {
    case 'inspect':
      scope.postMessage({ type: 'inspected', result: await inspectFile(message.file, message.declared) });
      return;
    case 'check':
      await checkFile(message.request, { emit: (event) => scope.postMessage(event) });
      return;
    default:
      throw new Error(message satisfies never);
  }
}
