/**
 * Bundles the runner and its packages into a few files, with their functions compiled: `node job-runner/bundle/build.ts
 * <folder>`. The image starts `<folder>/main.cjs`. The compiled code fits only the version of Node that made it.
 * Another version ignores it and compiles functions when they are first called.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { type OutputChunk, rolldown } from 'rolldown';

/**
 * Packages that are not bundled: dd-trace is loaded only where Datadog is switched on, and pg-native is not installed.
 */
const EXTERNAL = ['dd-trace', 'pg-native'];

const folder = process.argv[2];
if (!folder) throw new Error('Usage: node job-runner/bundle/build.ts <folder>');
await rm(folder, { recursive: true, force: true });
await mkdir(folder);
for (const { fileName, code } of await bundle('launch.ts', 'main.cjs')) await writeFile(join(folder, fileName), code);
for (const { fileName, code } of await bundle('../main.ts', 'runner.js')) {
  const source = toAscii(`(function (exports, require, module, __filename, __dirname) {${code}\n})`);
  await writeFile(join(folder, fileName), source);
  await writeFile(join(folder, `${fileName}.cache`), compile(source));
}

async function bundle(input: string, entryFileNames: string): Promise<OutputChunk[]> {
  await using bundled = await rolldown({
    input: fileURLToPath(new URL(input, import.meta.url)),
    platform: 'node',
    external: EXTERNAL,
  });
  const { output } = await bundled.generate({ format: 'cjs', entryFileNames, chunkFileNames: '[name].js' });
  return output.filter((file) => file.type === 'chunk');
}

/**
 * Escapes every character beyond ASCII, also in comments: one such character makes V8 keep the whole text in two bytes
 * a character, which is slower.
 */
function toAscii(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Makes V8's code cache with every function in it, not only with those that run while the file is loaded. */
function compile(source: string): Buffer {
  setFlagsFromString('--no-lazy');
  const script = new Script(source);
  setFlagsFromString('--lazy');
  return script.createCachedData();
}
