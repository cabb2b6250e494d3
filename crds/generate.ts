/**
 * Generates TypeScript from the CRDs: `node crds/generate.ts` writes the files, `--check` fails on a difference.
 * Types flow one way, from the CRD's structural schema; only the RecordSchema's types go to the job runner.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';

interface Target {
  crd: string;
  kind: string;
  output: string;
}

const TARGETS: Target[] = [
  { crd: 'crds/batchuploads.yaml', kind: 'BatchUpload', output: 'api/batch-upload.gen.ts' },
  { crd: 'crds/recordschemas.yaml', kind: 'RecordSchema', output: 'api/record-schema.gen.ts' },
  { crd: 'crds/uploadsources.yaml', kind: 'UploadSource', output: 'api/upload-source.gen.ts' },
];

interface Crd {
  spec: { versions: { name: string; schema: { openAPIV3Schema: JSONSchema } }[] };
}

/** Drops what only the API server reads and closes every object; a property with a default counts as required. */
function toJsonSchema(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(toJsonSchema);
  if (node === null || typeof node !== 'object') return node;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    // The compiler would turn lengths of arrays into tuple types.
    if (key.startsWith('x-kubernetes-') || key === 'minItems' || key === 'maxItems') continue;
    out[key] = toJsonSchema(value);
  }
  if (out['type'] === 'object' && out['properties']) {
    out['additionalProperties'] = false;
    const defaulted = Object.entries(out['properties'] as Record<string, { default?: unknown }>)
      .filter(([, property]) => property.default !== undefined)
      .map(([name]) => name);
    const required = new Set([...((out['required'] as string[] | undefined) ?? []), ...defaulted]);
    if (required.size > 0) out['required'] = [...required];
  }
  return out;
}

async function generate({ crd, kind, output }: Target): Promise<{ output: string; text: string }> {
  const document = parse(await readFile(crd, 'utf8')) as Crd;
  const version = document.spec.versions[0];
  if (!version) throw new Error(`${crd} has no version`);
  const properties = version.schema.openAPIV3Schema.properties ?? {};
  const schemas = { spec: properties['spec'], ...(properties['status'] ? { status: properties['status'] } : {}) };
  const parts: string[] = [`/** Generated from ${crd} (${version.name}) by \`make generate\`; do not edit. */\n`];
  for (const [part, schema] of Object.entries(schemas)) {
    const name = `${kind}${part === 'spec' ? 'Spec' : 'Status'}`;
    parts.push(
      await compile(toJsonSchema(schema) as JSONSchema, name, {
        bannerComment: '',
        additionalProperties: false,
        style: { singleQuote: true, printWidth: 120 },
      }),
    );
  }
  return { output, text: parts.join('\n') };
}

/** Parts of the OpenAPI schemas as modules, for programs that check a value without an API server. */
const MODULES = [
  { crd: 'crds/recordschemas.yaml', path: [], name: 'RECORD_SCHEMA_CRD', output: 'api/record-schema-crd.gen.ts' },
  {
    crd: 'crds/batchuploads.yaml',
    path: ['spec', 'podTemplate'],
    name: 'POD_TEMPLATE_SCHEMA',
    output: 'api/pod-template-schema.gen.ts',
  },
];

async function generateModule({ crd, path, name, output }: (typeof MODULES)[number]) {
  const document = parse(await readFile(crd, 'utf8')) as Crd;
  const version = document.spec.versions[0];
  if (!version) throw new Error(`${crd} has no version`);
  const part = path.reduce<JSONSchema>((node, key) => node.properties![key]!, version.schema.openAPIV3Schema);
  const schema = JSON.stringify(withoutDescriptions(part), null, 2);
  const banner = `/** Generated from ${crd} (${version.name}) by \`make generate\`; do not edit. */\n`;
  return { output, text: `${banner}\nexport const ${name} = ${schema};\n` };
}

/** A property may be called `description`; the description of a schema is a text. */
function withoutDescriptions(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutDescriptions);
  if (node === null || typeof node !== 'object') return node;
  const entries = Object.entries(node).filter(([key, value]) => key !== 'description' || typeof value !== 'string');
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutDescriptions(value)]));
}

const check = process.argv.includes('--check');
let stale = 0;
/** The chart is packaged without the rest of the repository, so it carries copies of the CRDs. */
const copies = TARGETS.map(async ({ crd }) => ({
  output: crd.replace('crds/', 'charts/batch-upload/files/crds/'),
  text: await readFile(crd, 'utf8'),
}));
for (const { output, text } of await Promise.all([
  ...TARGETS.map(generate),
  ...MODULES.map(generateModule),
  ...copies,
])) {
  const current = await readFile(output, 'utf8').catch(() => '');
  if (current === text) continue;
  if (check) {
    stale += 1;
    console.error(`${output} is not what crds/ generates: run make generate`);
  } else {
    await writeFile(output, text);
    console.log(`wrote ${output}`);
  }
}
process.exitCode = stale === 0 ? 0 : 1;
