/** Puts the command line and its packages into a few files, since Node runs no TypeScript within node_modules: `node cli/bundle.ts <folder>`. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const folder = process.argv[2];
if (!folder) throw new Error('Usage: node cli/bundle.ts <folder>');
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await using bundled = await rolldown({ input: fileURLToPath(new URL('main.ts', import.meta.url)), platform: 'node' });
const { output } = await bundled.generate({ format: 'cjs', entryFileNames: 'main.cjs', chunkFileNames: '[name].cjs' });
for (const file of output) if (file.type === 'chunk') await writeFile(join(folder, file.fileName), file.code);
// `load` reads the ledger's migrations from the folder beside its code.
const migrations = fileURLToPath(new URL('../ledger/migrations', import.meta.url));
await cp(migrations, join(folder, 'migrations'), { recursive: true });
