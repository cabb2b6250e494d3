/** Builds the page's Web Worker as the page is built, and runs the Worker without Node's globals. */
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { build, createLogger, type Rolldown } from 'vite';
import type { FromWorker, ToWorker } from '#page/check/types.ts';
import { createWorkerScope } from './bundle.ts';

export interface PageWorker {
  code: string;
  fileName: string;
  /** Every file that the build made beside the Worker, and everything that Vite warned of. */
  others: string[];
  warnings: string[];
}

const pageFile = (name: string) => fileURLToPath(new URL(`../../../page/${name}`, import.meta.url));

export async function buildPageWorker(): Promise<PageWorker> {
  const warnings: string[] = [];
  const customLogger = { ...createLogger('silent'), warn: (text: string) => void warnings.push(text) };
  const built = (await build({
    configFile: pageFile('vite.config.ts'),
    customLogger,
    logLevel: 'silent',
    build: {
      write: false,
      manifest: false,
      rolldownOptions: {
        input: pageFile('check/client.ts'),
        preserveEntrySignatures: 'strict',
        checks: { bundlerTimings: false },
      },
    },
  })) as Rolldown.RolldownOutput;
  const worker = built.output.find(({ fileName }) => /worker/.test(fileName));
  if (worker?.type !== 'asset') throw new Error('The build has made no Worker');
  return {
    code: String(worker.source),
    fileName: worker.fileName,
    others: built.output
      .filter((file) => file !== worker && !('isEntry' in file && file.isEntry))
      .map(({ fileName }) => fileName),
    warnings,
  };
}

/** Sends a message to the Worker. @returns everything that the Worker answers */
export type AskWorker = (message: ToWorker) => Promise<FromWorker[]>;

/** The page makes a Worker for each file; to a test, one for all of its files is a hundred times faster. */
export function startPageWorker({ code }: Pick<PageWorker, 'code'>): AskWorker {
  let take: (answer: FromWorker) => void = () => undefined;
  // As between a Worker and its page, nothing is shared.
  const scope = createWorkerScope(code, { postMessage: (answer: FromWorker) => take(structuredClone(answer)) });
  const onmessage = new Script('onmessage').runInContext(scope) as (event: { data: ToWorker }) => void;
  return async (message) => {
    const answers: FromWorker[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    take = (answer) => {
      answers.push(answer);
      if (answer.type === 'inspected' || answer.type === 'done' || answer.type === 'failed') resolve();
    };
    onmessage({ data: message });
    await promise;
    return answers;
  };
}
