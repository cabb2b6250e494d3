/**
 * Compiles AssemblyScript to WebAssembly: `node job-runner/wasm/generate.ts` writes each module below. With `--check`
 * the script fails where a written module differs from its source. The compiler is a package for development, so the
 * repository keeps the compiled modules.
 */
import { readFile, writeFile } from 'node:fs/promises';
import asc from 'assemblyscript/asc';

const RUNNER = new URL('../', import.meta.url);
/** Paths are below job-runner/. A module's memory begins with `pages` of 64 KiB and grows to at most `mostPages`. */
const MODULES = [
  { source: 'kernel/assembly/kernel.ts', output: 'kernel/kernel.gen.ts', pages: 16, mostPages: 16 },
  { source: 'csv/assembly/boundaries.ts', output: 'csv/boundaries.gen.ts', pages: 6, mostPages: 1024 },
];

type ModuleSource = (typeof MODULES)[number];

async function compile({ source, pages, mostPages }: ModuleSource): Promise<Uint8Array> {
  let binary: Uint8Array | null = null;
  const memory = ['--initialMemory', `${pages}`, '--maximumMemory', `${mostPages}`];
  const { error, stderr } = await asc.main(
    [source, '-o', 'binary', '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', ...memory],
    {
      // The compiler asks here first for every file, also for those of its own library.
      readFile: (file) => readFile(new URL(file, RUNNER), 'utf8').catch(() => null),
      writeFile(_file, contents) {
        binary = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Uint8Array.from(binary!);
}

/** @returns TypeScript: LAYOUT has the value of each constant that the source exports, BINARY the module in base64 */
async function generate(module: ModuleSource): Promise<string> {
  const binary = await compile(module);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), { external: { callExternal: () => -1 } });
  const constants = Object.entries(instance.exports)
    .filter(([constant]) => /^[A-Z0-9_]+$/.test(constant))
    .map(([constant, value]) => `  ${constant}: ${(value as WebAssembly.Global).value},\n`);
  return [
    `/** Generated from job-runner/${module.source} by \`make generate\`; do not edit. */\n`,
    `export const LAYOUT = {\n${constants.join('')}} as const;\n`,
    `export const BINARY =\n  '${Buffer.from(binary).toString('base64')}';\n`,
  ].join('\n');
}

for (const module of MODULES) {
  const output = new URL(module.output, RUNNER);
  const text = await generate(module);
  if (!process.argv.includes('--check')) await writeFile(output, text);
  else if (text !== (await readFile(output, 'utf8').catch(() => ''))) {
    console.error(`job-runner/${module.output} is not what its source compiles to: run \`make generate\``);
    process.exitCode = 1;
  }
}
