import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);

/** What of the processor compiles schemas and patterns, and its codes. Everything else of its public face reads records. */
const MAY_IMPORT = ['CODES', 'REFUSED_CODE', 'SchemaError', 'compilePattern', 'findSchemaFaults', 'type Pattern'];
const IMPORTS = /import (type )?\{([^}]*)\} from '#runner\/record-processor\.ts'/g;

function importedNames(text: string): string[] {
  return [...text.matchAll(IMPORTS)].flatMap(([, type = '', names]) =>
    names!
      .split(',')
      .map((name) => type + name.trim())
      .filter((name) => name !== type),
  );
}

it('the operator compiles schemas and never reads records', () => {
  const paths = globSync('operator/**/*.ts', { cwd: fileURLToPath(root) });
  const names = paths.flatMap((path) => importedNames(readFileSync(new URL(path, root), 'utf8')));
  expect(names).toContain('findSchemaFaults');
  expect(MAY_IMPORT).toEqual(expect.arrayContaining(names));
});

it('an import of what reads records would be found', () => {
  const text = "import {\n  compileSchema,\n  prepareRecords,\n} from '#runner/record-processor.ts';";
  expect(importedNames(text)).toEqual(['compileSchema', 'prepareRecords']);
});
