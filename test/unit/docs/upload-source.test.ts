/** What the CRDs say of UploadSource and BatchUpload must not drift apart; the examples are what a user copies. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { SOURCE_CONDITION_TYPES } from '#api/upload-source-conditions.ts';
import type { UploadSource } from '#kube/custom-resources.ts';

const root = new URL('../../../', import.meta.url);

interface Schema {
  properties: Record<string, Schema>;
  items: Schema;
  enum?: string[];
}

function schemaOf(plural: string): Schema {
  const crd = parse(readFileSync(new URL(`crds/${plural}.yaml`, root), 'utf8'));
  return crd.spec.versions[0].schema.openAPIV3Schema;
}

const inside = (schema: Schema, ...path: string[]) =>
  path.reduce((node, name) => (name === 'items' ? node.items : node.properties[name]!), schema);

describe('UploadSource', () => {
  const upload = inside(schemaOf('batchuploads'), 'spec');
  const source = schemaOf('uploadsources');

  it('the template allows what a BatchUpload’s spec allows', () => {
    const single = ['source', 'schemaRef', 'retryGeneration', 'suspend', 'cancel'];
    const others = Object.entries(upload.properties).filter(([name]) => !single.includes(name));
    expect(inside(source, 'spec', 'template', 'spec').properties).toEqual(Object.fromEntries(others));
  });

  it('a bucket, an endpoint and keys are said as in a BatchUpload', () => {
    const { key: _key, versionId: _version, eTag: _eTag, ...others } = inside(upload, 'source', 's3').properties;
    const said = inside(source, 'spec', 's3').properties;
    for (const [name, { ...schema }] of Object.entries(others)) {
      const { description: _, ...bounds } = said[name] as Schema & { description?: string };
      const { description: __, ...expected } = schema as Schema & { description?: string };
      expect({ name, ...bounds }).toEqual({ name, ...expected });
    }
  });

  it('the condition types are those of the CRD', () => {
    expect(inside(source, 'status', 'conditions', 'items', 'type').enum).toEqual(SOURCE_CONDITION_TYPES);
  });
});

describe('examples', () => {
  const folder = new URL('crds/examples/', root);
  const sources = readdirSync(folder)
    .filter((name) => name.startsWith('uploadsource-'))
    .map((name): [string, UploadSource] => {
      const documents = parseAllDocuments(readFileSync(new URL(name, folder), 'utf8')).map((each) => each.toJS());
      return [name, documents.find(({ kind }) => kind === 'UploadSource')];
    });

  it('there is one of each kind', () => {
    const kinds = sources.map(([, { spec }]) => Object.keys(spec.s3Event ?? spec).find((key) => KINDS.includes(key)));
    expect(kinds.toSorted()).toEqual(KINDS.toSorted());
  });
  const KINDS = ['sqs', 'webhook', 's3Poll', 'sftp'];

  it.each(sources)('%s names schemas that are there', (_name, { spec }) => {
    const files = readdirSync(folder);
    for (const { schemaRef } of spec.schemas) expect(files).toContain(`recordschema-${schemaRef.name}.yaml`);
  });
});
