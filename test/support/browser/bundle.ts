/** Bundles the Worker for a browser, and starts the Worker without Node's globals. */
import { builtinModules, createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';
import { type Plugin, rolldown } from 'rolldown';
import { decompress } from '#runner/node/decompress.ts';
import type { CheckedFile, FileToCheck } from './worker.ts';

export interface BrowserBundle {
  code: string;
  /** Modules of Node that the bundle imports, each as `importer: module`. */
  nodeModules: string[];
  /** Other files that the code would import, now or later. */
  imports: string[];
  warnings: string[];
}

/** An empty module in place of `stream`: sax and iconv-lite then make no stream class. */
const NO_STREAM = '\0no-stream';
/** A module in place of `string_decoder`: iconv-lite uses the class for texts in pieces alone. */
const NO_STRING_DECODER = '\0no-string-decoder';
const STUBS: Record<string, string> = {
  [NO_STREAM]: 'module.exports = {};',
  [NO_STRING_DECODER]: 'module.exports = { StringDecoder: class {} };',
};
const BUFFER = createRequire(import.meta.url).resolve('buffer/');

/** @param input the module to bundle; default: the Worker */
export async function bundleForBrowser(
  input = fileURLToPath(new URL('worker.ts', import.meta.url)),
): Promise<BrowserBundle> {
  const nodeModules: string[] = [];
  const warnings: string[] = [];
  const withoutNode: Plugin = {
    name: 'without-node',
    resolveId(id, importer = '') {
      if (id === 'stream' && /\/(sax|iconv-lite)\/lib\//.test(importer)) return NO_STREAM;
      if (id === 'string_decoder' && /\/iconv-lite\//.test(importer)) return NO_STRING_DECODER;
      if (id === 'buffer' && /\/safer-buffer\//.test(importer)) return BUFFER;
      if (!id.startsWith('node:') && !builtinModules.includes(id)) return undefined;
      nodeModules.push(`${importer}: ${id}`);
      return { id, external: true };
    },
    load: (id) => STUBS[id],
  };
  await using bundle = await rolldown({
    input,
    platform: 'browser',
    plugins: [withoutNode],
    transform: { inject: { Buffer: ['buffer/', 'Buffer'] } },
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

/** The project has no zstd library for a browser, so Node decompresses in its place. */
async function unzstd(base64: string): Promise<string> {
  async function* input(): AsyncGenerator<Buffer, void, void> {
    yield Buffer.from(base64, 'base64');
  }
  return Buffer.concat(await Array.fromAsync(decompress(input(), 'zstd'))).toString('base64');
}

/** The Worker has only the globals of a Worker; the context adds those of the language and WebAssembly. */
export function startWorker(code: string): StartedWorker {
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
  });
  new Script(code, { filename: 'worker.js' }).runInContext(context);
  const evaluate = (expression: string): unknown => new Script(expression).runInContext(context);
  const worker = evaluate('worker') as typeof import('./worker.ts');
  return {
    // Only texts are passed, so that the Worker gets no object of Node's.
    checkFile: async (file) => JSON.parse(await worker.checkFile(JSON.stringify(file), unzstd)),
    checkSchema: (schema, pattern) => worker.checkSchema(JSON.stringify(schema), pattern),
    evaluate,
  };
}
