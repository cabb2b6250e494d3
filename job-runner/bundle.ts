/**
 * Puts the runner and its packages into a few files: `node job-runner/bundle.ts <folder>`. The image starts these: a process then
 * finds and links seven modules instead of some hundreds. An upload of ten records takes 0.24 s of CPU time so, 0.36 s without.
 */
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** Stay what they are: dd-trace is loaded only where it is switched on, and pg-native is not installed. */
const EXTERNAL = ['dd-trace', 'pg-native'];

/** @returns the path of what `node` starts */
export async function bundleRunner(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  const bundle = await rolldown({
    input: fileURLToPath(new URL('main.ts', import.meta.url)),
    platform: 'node',
    external: EXTERNAL,
  });
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: 'main.js', chunkFileNames: '[name].js' });
  await bundle.close();
  return `${folder}/main.js`;
}

if (import.meta.main) {
  const folder = process.argv[2];
  if (!folder) throw new Error('Usage: node job-runner/bundle.ts <folder>');
  await bundleRunner(folder);
}
