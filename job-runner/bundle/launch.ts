/**
 * Starts the runner from the files that `build.ts` has made: the bundle's files and V8's code cache of each. V8 ignores
 * a code cache of another version. Node's own module cache is no substitute: it lacks the functions that are not called
 * while a module is loaded.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { constants, Script } from 'node:vm';

interface Module {
  exports: unknown;
}
type Require = (id: string) => unknown;
type Wrapped = (exports: unknown, require: Require, module: Module, filename: string, dirname: string) => void;

const folder = import.meta.dirname;
const requirePackage = createRequire(import.meta.filename);
const modules = new Map<string, Module>();

/** Loads a file of the bundle by its name, once, as `require` does. */
function load(name: string): unknown {
  const known = modules.get(name);
  if (known) return known.exports;
  const module: Module = { exports: {} };
  modules.set(name, module);
  const filename = join(folder, name);
  const script = new Script(readFileSync(filename, 'latin1'), {
    filename,
    cachedData: readFileSync(`${filename}.cache`),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const run = script.runInThisContext() as Wrapped;
  run(module.exports, (id) => (id.startsWith('./') ? load(id.slice(2)) : requirePackage(id)), module, filename, folder);
  return module.exports;
}

load('runner.js');
