import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readImportTable } from '../../../tools/import-rules.ts';

interface Override {
  includes: string[];
  linter: { rules: { style: { noRestrictedImports?: { options: { patterns: { group: string[] }[] } } } } };
}

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const table = readImportTable(read('ARCHITECTURE.md'));
const { overrides } = JSON.parse(read('biome.json')) as { overrides: Override[] };

it.each(['job-runner', ...table.get('job-runner')!])('biome.json allows no Kubernetes package in %s', (room) => {
  const groups = overrides
    .filter(({ includes }) => includes.some((glob) => glob.startsWith(`${room}/`)))
    .map(({ linter }) => linter.rules.style.noRestrictedImports?.options.patterns.flatMap(({ group }) => group));
  expect(groups.length).toBeGreaterThan(0);
  for (const group of groups) expect(group).toContain('@kubernetes/*');
});
