/**
 * Compiles assembly/kernel.ts to WebAssembly: `node job-runner/kernel/generate.ts` writes kernel.gen.ts, `--check` fails on a
 * difference. The compiler is a package for development; what it makes is kept with the source.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const SOURCE = 'assembly/kernel.ts';
const OUTPUT = new URL('kernel.gen.ts', import.meta.url);
/** Of 64 KiB. */
const PAGES = 16;

async function compile(): Promise<Uint8Array> {
  const { error, binary, stderr } = await asc.compileString(
    { 'kernel.ts': await readFile(new URL(SOURCE, import.meta.url), 'utf8') },
    {
      enable: ['simd'],
      runtime: 'stub',
      optimizeLevel: 3,
      shrinkLevel: 0,
      noAssert: true,
      initialMemory: PAGES,
      maximumMemory: PAGES,
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Uint8Array.from(binary!);
}

async function generate(): Promise<string> {
  const binary = await compile();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), { kernel: { callExternal: () => -1 } });
  const constants = Object.entries(instance.exports)
    .filter(([name]) => /^[A-Z0-9_]+$/.test(name))
    .map(([name, value]) => `  ${name}: ${(value as WebAssembly.Global).value},\n`);
  return [
    `/** Generated from job-runner/kernel/${SOURCE} by \`make generate\`; do not edit. */\n`,
    `export const LAYOUT = {\n${constants.join('')}} as const;\n`,
    `export const BINARY =\n  '${Buffer.from(binary).toString('base64')}';\n`,
  ].join('\n');
}

const text = await generate();
if (process.argv.includes('--check')) {
  if (text !== (await readFile(OUTPUT, 'utf8').catch(() => ''))) {
    console.error(`${fileURLToPath(OUTPUT)} is not what ${SOURCE} compiles to: run \`make generate\``);
    process.exitCode = 1;
  }
} else await writeFile(OUTPUT, text);
