/** Runs the examples of docs/record-schema.md: each fragment of a spec with the table that follows it. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { checkSchema } from '#operator/controller/accept-policy.ts';
import { createRecordRunner } from '../processor/run-record.ts';
import { schemaOf } from '../processor/schema.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/record-schema.md');
const crd = parse(read('crds/recordschemas.yaml'));

interface Example {
  spec: Partial<RecordSchemaSpec>;
  rows: { texts: string[]; result: string }[];
}

const EXAMPLES: Example[] = [...page.matchAll(/```yaml\n(fields[^`]*)```\n\n((?:\|.*\n)+)/g)].map(
  ([, yaml, table]) => ({
    spec: parse(yaml!),
    rows: table!
      .trim()
      .split('\n')
      .slice(2)
      .map((line) =>
        line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      )
      .map((cells) => ({ texts: cells.slice(0, -1).map(unquote), result: cells.at(-1)! })),
  }),
);

/** The text between backticks, with its spaces. */
function unquote(cell: string): string {
  return cell.startsWith('`') ? cell.slice(1, -1) : cell;
}

/** The first column's value as the page writes it, or the record's codes. */
function runExample({ fields, rules, target }: Partial<RecordSchemaSpec>, texts: string[]): string {
  const named = Object.fromEntries(fields!.map((field) => [field.name, field]));
  const [first] = target?.columns ?? [{ name: 'x', field: fields![0]!.name }];
  const columns = [first!, { name: 'k', field: 'k' }];
  const schema = schemaOf(named, { columns, ...(rules ? { rules } : {}) });
  const result = createRecordRunner(schema).process(['key', ...texts]);
  if (!result.ok) return result.faults.map(({ code }) => code).join(', ');
  return result.values[0] === null ? 'NULL' : `\`${result.values[0]}\``;
}

describe.each(EXAMPLES)('$spec', ({ spec, rows }) => {
  test.each(rows)('$texts: $result', ({ texts, result }) => {
    expect(texts).toHaveLength(spec.fields!.length);
    expect(runExample(spec, texts)).toBe(result);
  });
});

test('the page has its examples, and a whole schema that is accepted', () => {
  expect(EXAMPLES.length).toBe(page.match(/^fields:/gm)!.length);
  const [, manifest] = /```yaml\n(apiVersion[^`]*)```/.exec(page)!;
  const { spec } = parse(manifest!);
  const fields = spec.fields.map((field: object) => ({ type: 'string', ...field }));
  expect(checkSchema('team', 'payments', { fieldsMatch: 'equal', ...spec, fields })).toBeNull();
});

describe('every word of the API is on the page', () => {
  const properties = crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties;
  const field = properties.fields.items.properties;
  const column = properties.target.properties.columns.items.properties;
  const words = [
    ...Object.keys(properties),
    ...Object.keys(field),
    ...field.type.enum,
    ...Object.keys(field.constraints.properties),
    ...Object.keys(properties.rules.items.properties),
    ...Object.keys(properties.target.properties),
    ...properties.target.properties.onDuplicate.enum,
    ...Object.keys(column),
    ...column.system.enum,
    ...properties.fieldsMatch.enum,
  ];
  const titles: Record<string, string> = {
    fields: '## Fields',
    constraints: '## Constraints',
    rules: '## Rules',
    target: '## Target',
  };

  test.each([...new Set<string>(words)])('%s', (word) => {
    expect(page.includes(titles[word] ?? `\`${word}\``)).toBe(true);
  });
});
