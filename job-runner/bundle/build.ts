/**
 * Puts the runner and its packages into a few files, with their functions compiled: `node job-runner/bundle/build.ts <folder>`.
 * The image starts `<folder>/main.cjs`. What is compiled fits this version of Node alone; with another one it is compiled as it is used.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { type OutputChunk, rolldown } from 'rolldown';

/** Stay what they are: dd-trace is loaded only where it is switched on, and pg-native is not installed. */
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

/** In comments, too: with one other character in it V8 keeps all of a text with two bytes for each, and takes longer. */
function toAscii(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** V8's code cache with every function in it, not only those that run when the file is loaded. */
function compile(source: string): Buffer {
  setFlagsFromString('--no-lazy');
  const script = new Script(source);
  setFlagsFromString('--lazy');
  return script.createCachedData();
}
