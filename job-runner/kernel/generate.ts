/**
 * Compiles the sources in assembly/ to WebAssembly: `node job-runner/kernel/generate.ts` writes a module for each of the two
 * kernels, `--check` fails on a difference. The compiler is a package for development; what it makes is kept with the source.
 */
import { readFile, writeFile } from 'node:fs/promises';
import asc from 'assemblyscript/asc';

const FOLDER = new URL('assembly/', import.meta.url);
/** By their entry, with the memory each has, and may have, in pages of 64 KiB. */
const KERNELS = [
  { name: 'kernel', pages: 16, mostPages: 16 },
  { name: 'boundaries', pages: 6, mostPages: 1024 },
];

async function compile({ name, pages, mostPages }: (typeof KERNELS)[number]): Promise<Uint8Array> {
  let binary: Uint8Array | null = null;
  const memory = ['--initialMemory', `${pages}`, '--maximumMemory', `${mostPages}`];
  const { error, stderr } = await asc.main(
    [`${name}.ts`, '-o', 'binary', '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', ...memory],
    {
      // What is not there is asked for too, before the libraries of the compiler.
      readFile: (file) => readFile(new URL(file, FOLDER), 'utf8').catch(() => null),
      writeFile(_file, contents) {
        binary = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Uint8Array.from(binary!);
}

async function generate(kernel: (typeof KERNELS)[number]): Promise<string> {
  const binary = await compile(kernel);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), { row: { callExternal: () => -1 } });
  const constants = Object.entries(instance.exports)
    .filter(([constant]) => /^[A-Z0-9_]+$/.test(constant))
    .map(([constant, value]) => `  ${constant}: ${(value as WebAssembly.Global).value},\n`);
  return [
    `/** Generated from job-runner/kernel/assembly/${kernel.name}.ts by \`make generate\`; do not edit. */\n`,
    `export const LAYOUT = {\n${constants.join('')}} as const;\n`,
    `export const BINARY =\n  '${Buffer.from(binary).toString('base64')}';\n`,
  ].join('\n');
}

for (const kernel of KERNELS) {
  const output = new URL(`${kernel.name}.gen.ts`, import.meta.url);
  const text = await generate(kernel);
  if (!process.argv.includes('--check')) await writeFile(output, text);
  else if (text !== (await readFile(output, 'utf8').catch(() => ''))) {
    console.error(`job-runner/kernel/${kernel.name}.gen.ts is not what its source compiles to: run \`make generate\``);
    process.exitCode = 1;
  }
}
