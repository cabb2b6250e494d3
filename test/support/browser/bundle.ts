/** Bundles the Worker for a browser, and starts the Worker without Node's globals. */
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Context, createContext, Script } from 'node:vm';
import { type Plugin, rolldown } from 'rolldown';
import { BUFFER_OF_PACKAGE, withoutNode } from '#page/check/bundle.ts';
import type { CheckedFile, FileToCheck } from './worker.ts';

export interface BrowserBundle {
  code: string;
  /** Modules of Node that the bundle imports, each as `importer: module`. */
  nodeModules: string[];
  /** Other files that the code would import, now or later. */
  imports: string[];
  warnings: string[];
}

/** @param input the module to bundle; default: the Worker */
export async function bundleForBrowser(
  input = fileURLToPath(new URL('worker.ts', import.meta.url)),
): Promise<BrowserBundle> {
  const nodeModules: string[] = [];
  const warnings: string[] = [];
  const findNode: Plugin = {
    name: 'find-node',
    resolveId(id, importer = '') {
      if (!id.startsWith('node:') && !builtinModules.includes(id)) return undefined;
      nodeModules.push(`${importer}: ${id}`);
      return { id, external: true };
    },
  };
  await using bundle = await rolldown({
    input,
    platform: 'browser',
    plugins: [withoutNode as Plugin, findNode],
    transform: BUFFER_OF_PACKAGE,
    onLog: (_level, { message }) => void warnings.push(message),
  });
  const { output } = await bundle.generate({ format: 'iife', name: 'worker' });
  const chunks = output.filter((file) => file.type === 'chunk');
  const own = new Set(chunks.map(({ fileName }) => fileName));
  const imports = chunks
    .flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports])
    .filter((name) => !own.has(name) || chunks.length > 1);
  return { code: chunks.map(({ code }) => code).join('\n'), nodeModules, imports, warnings };
}

export interface StartedWorker {
  checkFile(file: FileToCheck): Promise<CheckedFile>;
  checkSchema(schema: unknown, pattern: string): string | null;
  /** @returns the value of an expression in the Worker. */
  evaluate(expression: string): unknown;
}

/** The Worker has only the globals of a Worker; the context adds those of the language and WebAssembly. */
export function createWorkerScope(code: string, more: Record<string, unknown> = {}): Context {
  const context = createContext({
    TextDecoder,
    TextEncoder,
    crypto,
    performance,
    console,
    URL,
    setTimeout,
    clearTimeout,
    queueMicrotask,
    structuredClone,
    ReadableStream,
    DecompressionStream,
    atob,
    btoa,
    ...more,
  });
  new Script(code, { filename: 'worker.js' }).runInContext(context);
  return context;
}

export function startWorker(code: string): StartedWorker {
  const context = createWorkerScope(code);
  const evaluate = (expression: string): unknown => new Script(expression).runInContext(context);
  const worker = evaluate('worker') as typeof import('./worker.ts');
  return {
    // Only texts are passed, so that the Worker gets no object of Node's.
    checkFile: async (file) => JSON.parse(await worker.checkFile(JSON.stringify(file))),
    checkSchema: (schema, pattern) => worker.checkSchema(JSON.stringify(schema), pattern),
    evaluate,
  };
}
