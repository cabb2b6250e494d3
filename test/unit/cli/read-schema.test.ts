import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import type { SchemaProblem } from '#cli/schema/problem.ts';
import { readSchema } from '#cli/schema/read-schema.ts';
import { EXAMPLE_FILES, specOfFile } from './schemas.ts';

const HEAD = 'apiVersion: batchupload.dev/v1alpha1\nkind: RecordSchema\nmetadata: { name: x }\n';
const SPEC = `fields:
  - { name: id, type: integer }
  - { name: note }
primaryKey: [id]
target: { table: things, columns: [{ name: id, field: id }, { name: note, field: note }] }
`;
const indent = (text: string) => text.replace(/^(?=.)/gm, '  ');

function problemsOf(text: string): SchemaProblem[] {
  const result = readSchema(text);
  return result.ok ? [] : result.problems;
}
const placesOf = (text: string) => problemsOf(text).map(({ path, line }) => [path, line]);

describe('a schema without mistakes', () => {
  test.each(EXAMPLE_FILES)('%s', (file) => expect(problemsOf(readFileSync(file, 'utf8'))).toEqual([]));

  it('has the defaults of the CRD', () => {
    const result = readSchema(`${HEAD}spec:\n${indent(SPEC)}`);
    expect(result).toMatchObject({
      ok: true,
      name: 'x',
      spec: {
        fieldsMatch: 'equal',
        target: { create: false, onDuplicate: 'Skip' },
        fields: [{ type: 'integer' }, { type: 'string' }],
      },
    });
  });

  it('may be a bare spec', () => expect(readSchema(SPEC)).toMatchObject({ ok: true, name: null }));

  it('is found among other documents of a file', () => {
    expect(readSchema(`kind: ConfigMap\n---\n${HEAD}spec:\n${indent(SPEC)}`)).toMatchObject({ ok: true, name: 'x' });
  });

  it('is what the page of the docs shows', () => {
    const page = readFileSync('docs/record-schema.md', 'utf8');
    const [, manifest] = /```yaml\n(apiVersion[^`]*)```/.exec(page)!;
    expect(problemsOf(manifest!)).toEqual([]);
  });
});

describe('several mistakes are said at once, with their lines', () => {
  it('of the structure', () => {
    const text = `${HEAD}spec:
  fields:
    - { name: id, type: intger }
    - { name: note, constrains: { required: true } }
    - { name: size, constraints: { maxLength: "3" } }
  target:
    table: "two words"
    columns: [{ name: id, field: id }]
`;
    expect(placesOf(text)).toEqual([
      ['spec.fields[0].type', 6],
      ['spec.fields[1].constrains', 7],
      ['spec.fields[2].constraints.maxLength', 8],
      ['spec.target.table', 10],
    ]);
    expect(problemsOf(text)[0]!.message).toContain('did you mean integer?');
    expect(problemsOf(text)[1]!.message).toContain('did you mean constraints?');
  });

  it('of the CEL rules of the CRD', () => {
    const text = SPEC.replace('type: integer', 'type: integer, format: email, trueValues: [x]').replace('[id]', '[no]');
    expect(placesOf(text)).toEqual([
      ['spec.fields[0].format', 2],
      ['spec.fields[0].trueValues', 2],
      ['spec.primaryKey', 4],
    ]);
  });

  it('of a key, of none, and of what asks for one', () => {
    const append = SPEC.replace('primaryKey: [id]\n', '');
    expect(problemsOf(append)).toEqual([]);
    for (const policy of ['Update', 'Fail']) {
      const text = append.replace('{ table:', `{ onDuplicate: ${policy}, table:`);
      expect(problemsOf(text)).toEqual([
        {
          path: 'spec.target.onDuplicate',
          line: 4,
          message: expect.stringMatching(/without primaryKey no record is a duplicate.*: name the fields .* or remove/),
        },
      ]);
    }
    expect(problemsOf(append.replace('{ table:', '{ onDuplicate: Skip, table:'))).toEqual([]);
    expect(problemsOf(SPEC.replace('[id]', '[]'))).toEqual([
      { path: 'spec.primaryKey', line: 4, message: expect.stringMatching(/at least one field.*or remove primaryKey/) },
    ]);
    expect(placesOf(SPEC.replace('[id]', ''))).toEqual([['spec.primaryKey', 4]]);
  });

  it('of texts that PostgreSQL cannot store, wherever they are', () => {
    const text = SPEC.replace('{ name: note }', '{ name: note, title: "a\\0b", missingValues: ["", "\\0"] }').replace(
      'primaryKey',
      'rules: [{ code: BIZ_X, rule: id > 0, message: "\\0" }]\nprimaryKey',
    );
    expect(placesOf(text).toSorted()).toEqual([
      ['spec.fields[1].missingValues[1]', 3],
      ['spec.fields[1].title', 3],
      ['spec.rules[0].message', 4],
    ]);
    expect(problemsOf(text)[0]!.message).toMatch(/U\+0000.*leave it out/);
  });

  it('of what is compiled', () => {
    const text = `fields:
  - { name: id, type: date, format: "%d" }
  - { name: a, constraints: { pattern: "(" } }
  - { name: "a " }
rules:
  - { rule: "a ==", message: m, code: BIZ_X }
  - { rule: "b == 1", message: m, code: BIZ_Y }
primaryKey: [id]
target:
  table: t
  columns: [{ name: id, field: id }, { name: q, field: q }, { name: v, value: "nothing()" }]
`;
    expect(placesOf(text)).toEqual([
      ['spec.fields[0].format', 2],
      ['spec.fields[1].constraints.pattern', 3],
      ['spec.fields[2].name', 4],
      ['spec.rules[0].rule', 6],
      ['spec.rules[1].rule', 7],
      ['spec.target.columns[1].field', 11],
      ['spec.target.columns[2].value', 11],
    ]);
  });

  it('of the YAML itself', () => {
    expect(problemsOf('fields: [a\ntarget: {')).not.toEqual([]);
    expect(placesOf('fields:\n  - a: 1\n    a: 2\n')).toEqual([['', 3]]);
  });
});

test.each([
  ['an empty file', ''],
  ['a comment', '# nothing'],
  ['a list', '- a'],
  ['a text', 'people'],
])('%s is no schema, with what to do', (_name, text) => {
  expect(problemsOf(text)[0]!.message).toMatch(/batch-upload infer/);
});

test('another kind is named', () => {
  expect(placesOf('apiVersion: v1\nkind: Secret\nspec: {}')[0]).toEqual(['apiVersion', 1]);
});

test('whatever is missing of a schema is said at its place', () => {
  const whole = parse(readFileSync(EXAMPLE_FILES[1]!, 'utf8'));
  for (const [place, remove] of [
    ['spec.fields', (spec: Record<string, unknown>) => delete spec['fields']],
    ['spec.target.columns', (spec: Record<string, unknown>) => delete (spec['target'] as { columns?: [] }).columns],
    ['spec.target', (spec: Record<string, unknown>) => delete spec['target']],
  ] as const) {
    const copy = structuredClone(whole);
    remove(copy.spec);
    expect(problemsOf(JSON.stringify(copy)).map(({ path }) => path)).toContain(place);
  }
});

test('a schema that was read is compiled as the cluster compiles it', () => {
  expect(specOfFile(EXAMPLE_FILES[0]!).fields.map(({ type }) => type)).toEqual([
    'string',
    'string',
    'string',
    'string',
    'string',
    'number',
    'number',
  ]);
});
