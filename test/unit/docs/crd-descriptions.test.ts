/** The descriptions of the CRDs are what `kubectl explain` shows: every field and every printed column has one. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Schema {
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
}

interface Crd {
  spec: {
    names: { kind: string };
    versions: {
      additionalPrinterColumns: { name: string; description?: string }[];
      schema: { openAPIV3Schema: Schema };
    }[];
  };
}

interface Described {
  path: string;
  /** The first word of the description. */
  subject: string;
  description: string;
  default?: unknown;
}

const CRDS: [string, Crd][] = ['batchuploads', 'recordschemas', 'uploadsources'].map((plural) => [
  plural,
  parse(readFileSync(new URL(`../../../crds/${plural}.yaml`, import.meta.url), 'utf8')),
]);

/** The API server refuses a schema that says anything about `metadata` at the root, even a description. */
const isObjectMeta = (path: string) => path === 'metadata';

function listFields(schema: Schema, path = ''): Described[] {
  const { properties = {}, items, additionalProperties: value } = schema;
  return [
    ...Object.entries(properties).flatMap(([name, field]) => {
      const at = path === '' ? name : `${path}.${name}`;
      return isObjectMeta(at) ? [] : [describeAs(name, at, field), ...listFields(field, at)];
    }),
    ...(items ? listFields(items, `${path}[]`) : []),
    ...(value ? [describeAs('The', `${path}{}`, value), ...listFields(value, `${path}{}`)] : []),
  ];
}

function describeAs(subject: string, path: string, { description = '', default: fallback }: Schema): Described {
  return { path, subject, description, default: fallback };
}

describe.each(CRDS)('%s', (_plural, { spec }) => {
  const { additionalPrinterColumns, schema } = spec.versions[0]!;
  const root = describeAs(spec.names.kind, '(the resource)', schema.openAPIV3Schema);
  const columns = additionalPrinterColumns.map((column) => describeAs(column.name, `column ${column.name}`, column));

  it.each([root, ...listFields(schema.openAPIV3Schema), ...columns])('$path', (field) => {
    const { description, subject, default: fallback } = field;
    expect(description).not.toBe('');
    expect(description).not.toMatch(/^Of /);
    expect(description.startsWith(`${subject} `), `begins with "${subject}": ${description}`).toBe(true);
    expect(description).toMatch(/[^.]\.$/);
    expect(description).not.toContain('\n');
    if (['string', 'number', 'boolean'].includes(typeof fallback) && fallback !== '') {
      expect(description).toMatch(/The default is "?\S+"?\.$/);
      expect(description).toContain(String(fallback));
    }
  });
});
