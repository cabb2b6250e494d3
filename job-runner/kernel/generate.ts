/**
 * Compiles the sources in assembly/ to WebAssembly: `node job-runner/kernel/generate.ts` writes a module for each, `--check`
 * fails on a difference. The compiler is a package for development; what it makes is kept with the source.
 */
import { readFile, writeFile } from 'node:fs/promises';
import asc from 'assemblyscript/asc';

/** With the memory each has, in pages of 64 KiB. */
const KERNELS = [
  { name: 'kernel', pages: 16 },
  { name: 'boundaries', pages: 6 },
];

async function compile(source: string, pages: number): Promise<Uint8Array> {
  // The name of the file is that of the module from which it imports.
  const { error, binary, stderr } = await asc.compileString(
    { 'kernel.ts': source },
    {
      enable: ['simd'],
      runtime: 'stub',
      optimizeLevel: 3,
      shrinkLevel: 0,
      noAssert: true,
      initialMemory: pages,
      maximumMemory: pages,
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Uint8Array.from(binary!);
}

async function generate({ name, pages }: (typeof KERNELS)[number]): Promise<string> {
  const binary = await compile(await readFile(new URL(`assembly/${name}.ts`, import.meta.url), 'utf8'), pages);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), { kernel: { callExternal: () => -1 } });
  const constants = Object.entries(instance.exports)
    .filter(([constant]) => /^[A-Z0-9_]+$/.test(constant))
    .map(([constant, value]) => `  ${constant}: ${(value as WebAssembly.Global).value},\n`);
  return [
    `/** Generated from job-runner/kernel/assembly/${name}.ts by \`make generate\`; do not edit. */\n`,
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
