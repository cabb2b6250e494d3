/** The cores of the commands run where there is no file system: in a page. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bundleForBrowser } from '#support/browser/bundle.ts';

const CORES = [
  'validate/check-file',
  'infer/infer-schema',
  'infer/write-yaml',
  'describe/describe-schema',
  'schema/read-schema',
];

test.each(CORES)('%s asks for nothing of Node', async (core) => {
  const input = fileURLToPath(new URL(`../../../cli/${core}.ts`, import.meta.url));
  const { nodeModules, imports } = await bundleForBrowser(input);
  expect({ nodeModules, imports }).toEqual({ nodeModules: [], imports: [] });
});
