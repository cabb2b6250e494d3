import { describe, expect, it } from 'vitest';
import type { FileSchema } from '#api/file-schema.ts';
import { LEFT_OUT } from '#runner/csv/header.ts';
import { matchedColumns, matchedKeys } from '#runner/csv/matched-columns.ts';

const schema = (change: Partial<FileSchema> = {}): FileSchema => ({
  fields: [
    { name: 'id', type: 'string' },
    { name: 'birth_date', type: 'date', aliases: ['born'] },
    { name: 'note', type: 'string' },
  ],
  fieldsMatch: 'partial',
  target: { table: 't', create: false, onDuplicate: 'Skip', columns: [{ name: 'id', field: 'id' }] },
  ...change,
});

describe('the columns of a header', () => {
  it('are fields by their names, aliases and likeness, in the order of the file', () => {
    expect(matchedColumns(['Born', ' ID\u200b', 'Birth Place'], schema())).toEqual([
      { name: 'Born', field: 'birth_date' },
      { name: ' ID\u200b', field: 'id' },
      { name: 'Birth Place', ignored: true },
    ]);
  });

  it('are what the upload says', () => {
    const columns = [
      { name: 'Date of birth', field: 'birth_date' },
      { name: 'note', ignore: true },
    ];
    expect(matchedColumns(['id', 'Date of birth', 'note'], schema({ columns }))).toEqual([
      { name: 'id', field: 'id' },
      { name: 'Date of birth', field: 'birth_date' },
      { name: 'note', ignored: true },
    ]);
  });

  it('end with the last one that has a name', () => {
    expect(matchedColumns(['id', '', 'note', '', ' '], schema())).toEqual([
      { name: 'id', field: 'id' },
      { name: '', ignored: true },
      { name: 'note', field: 'note' },
    ]);
  });
});

describe('the keys of objects', () => {
  const keys = new Map([
    ['id', 0],
    ['ID', 0],
    ['comment', LEFT_OUT],
    ['other', null],
  ]);

  it('are fields, or nothing is loaded from them', () => {
    expect(matchedKeys(keys, schema())).toEqual([
      { name: 'id', field: 'id' },
      { name: 'ID', field: 'id' },
      { name: 'comment', ignored: true },
      { name: 'other', ignored: true },
    ]);
  });

  it('that fail their records are not called ignored', () => {
    expect(matchedKeys(keys, schema({ fieldsMatch: 'equal' })).map(({ name }) => name)).toEqual([
      'id',
      'ID',
      'comment',
    ]);
  });
});
