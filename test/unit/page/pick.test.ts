import { describe, expect, it } from 'vitest';
import type { Schema } from '#page/api/types.ts';
import { inspectFile } from '#page/check/inspect-file.ts';
import { explainFailure } from '#page/send/refusal.ts';
import { readDrop } from '#page/wizard/picked-file.ts';
import { rankSchemas, suggestSchema } from '#page/wizard/suggest-schema.ts';

describe('inspectFile', () => {
  const inspect = (text: string, name = 'a.csv') => inspectFile(new File([text], name), {});

  it.each([
    [';', 'Name;Price, net\nAnn;1,5\nBen;2,25\n', ['Name', 'Price, net']],
    [',', 'name,text\n1,"a;b"\n2,c;d\n', ['name', 'text']],
    ['\t', 'name\ttext\n1\ta, b\n', ['name', 'text']],
    ['|', 'a|b|c\n1|2|3\n', ['a', 'b', 'c']],
    [',', 'name\n1\n2\n', ['name']],
    [';', 'a;b;c\n', ['a', 'b', 'c']],
    // One row in the wrong number of columns does not make another delimiter.
    [';', `a;b\n${'1;2\n'.repeat(9)}1;2;3\n`, ['a', 'b']],
    [',', 'id,note\n1,x;y;z\n2,w\n', ['id', 'note']],
    [';', 'a;b;;\n1;2;;\n', ['a', 'b']],
  ])('finds %j between the columns of %j', async (delimiter, text, header) => {
    const facts = await inspect(text);
    expect(facts).toMatchObject({ header, format: { type: 'csv', delimiter } });
  });

  it('takes the delimiter that is declared', async () => {
    const facts = await inspectFile(new File(['a;b,c\n1;2,3\n'], 'a.csv'), { dialect: { delimiter: ',' } });
    expect(facts.header).toEqual(['a;b', 'c']);
  });
});

describe('rankSchemas', () => {
  const schema = (name: string, fields: string[], more: Partial<Schema> = {}): Schema => ({
    name,
    ready: true,
    fields: fields.map((field) => ({ name: field, type: 'string', required: false, sensitive: false })),
    fieldsMatch: 'equal',
    primaryKey: [],
    onDuplicate: 'Skip',
    rules: [],
    ...more,
  });
  const rank = (header: string[], schemas: Schema[]) =>
    rankSchemas(header, schemas, new Map(schemas.map((each) => [each.name, each])));

  it('puts what fits first, then what has most columns, then what cannot be used', () => {
    const header = ['id', 'name', 'city'];
    const ranked = rank(header, [
      schema('broken', header, { ready: false }),
      schema('none', ['x']),
      schema('two', ['id', 'name']),
      schema('all', ['City', 'ID', 'Name']),
    ]);
    expect(ranked.map(({ name }) => name)).toEqual(['all', 'two', 'none', 'broken']);
    expect(ranked[0]).toMatchObject({ fits: true, matched: 3 });
    expect(suggestSchema(ranked)).toBe('all');
  });

  it('suggests nothing where two fit as well, and the only one that there is', () => {
    const header = ['id'];
    expect(suggestSchema(rank(header, [schema('a', ['id']), schema('b', ['id'])]))).toBeNull();
    expect(suggestSchema(rank(header, [schema('a', ['other'])]))).toBe('a');
    expect(suggestSchema(rank(header, [schema('a', ['id'], { ready: false })]))).toBeNull();
    expect(suggestSchema(rank(header, [schema('a', ['x']), schema('b', ['y'])]))).toBeNull();
  });
});

describe('readDrop', () => {
  const file = new File(['x'], 'a.csv');
  const item = (entry: { isDirectory: boolean; name: string } | null) => ({
    kind: 'file',
    webkitGetAsEntry: () => entry,
  });

  it('takes one file, and says why everything else is none', () => {
    expect(readDrop({ files: [file], items: [item({ isDirectory: false, name: 'a.csv' })] })).toBe(file);
    const folder = { files: [file], items: [item({ isDirectory: true, name: 'data' })] };
    expect(readDrop(folder)).toEqual({ kind: 'Folder', name: 'data' });
    expect(readDrop({ files: [file, file], items: [] })).toEqual({ kind: 'Many', count: 2 });
    expect(readDrop({ files: [], items: [{ kind: 'string' }] })).toEqual({ kind: 'NoFile' });
  });
});

describe('explainFailure', () => {
  it('knows a file that has changed, and what nobody foresaw', () => {
    const changed = explainFailure(new DOMException('x', 'NotReadableError'), 'Sending');
    expect(changed).toMatchObject({ kind: 'FileChanged', isPlaceLost: true });
    expect(explainFailure(new Error('odd'), 'Sending')).toEqual({ kind: 'Other', detail: 'odd', isPlaceLost: false });
  });
});
