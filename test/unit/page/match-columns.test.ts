import { describe, expect, it } from 'vitest';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { matchColumns } from '#page/check/match-columns.ts';
import { matchHeader } from '#runner/csv/header.ts';

const schema = (fieldsMatch: RecordSchemaSpec['fieldsMatch']): RecordSchemaSpec => ({
  fields: [
    { name: 'id', type: 'string' },
    { name: 'name', type: 'string', aliases: ['full name'] },
    { name: 'zip', type: 'string' },
  ],
  fieldsMatch,
  primaryKey: ['id'],
  target: { table: 't', create: false, onDuplicate: 'Skip', columns: [{ name: 'id', field: 'id' }] },
});

describe('columns of a file', () => {
  it('are fields by their names, and what does not fit is listed', () => {
    expect(matchColumns(['ID', 'Full_Name', 'colour', 'full name', ''], schema('equal'))).toEqual({
      fits: false,
      fieldOfColumn: ['id', null, null, 'name'],
      positions: [0, 3, -1],
      missing: ['zip'],
      unknown: ['colour'],
      repeated: ['Full_Name'],
      ignored: [],
      absent: [],
      isDisordered: false,
    });
  });

  it('are what the person says, whatever their names are', () => {
    const columns = [
      { name: 'zip', field: 'name' },
      { name: 'name', ignore: true },
      { name: 'code', field: 'zip' },
      { name: 'gone', ignore: true },
    ];
    expect(matchColumns(['id', 'name', 'zip', 'code'], schema('equal'), columns)).toMatchObject({
      fits: false,
      fieldOfColumn: ['id', null, 'name', 'zip'],
      ignored: ['name'],
      absent: ['gone'],
    });
    expect(matchColumns(['id', 'name', 'zip', 'code'], schema('equal'), columns.slice(0, 3)).fits).toBe(true);
  });

  it('may be others where the schema allows them, and are ignored', () => {
    expect(matchColumns(['zip', 'id', 'name', 'colour'], schema('subset'))).toMatchObject({
      fits: true,
      unknown: [],
      ignored: ['colour'],
    });
    expect(matchColumns(['id', 'zip'], schema('superset'))).toMatchObject({ fits: true, missing: [] });
    expect(matchColumns(['zip', 'name'], schema('partial'))).toMatchObject({ fits: false, missing: ['id'] });
    expect(matchColumns(['zip', 'id', 'name'], schema('exact'))).toMatchObject({ fits: false, isDisordered: true });
  });

  it.each(['equal', 'exact', 'subset', 'superset', 'partial'] as const)(
    'fit when the job runner takes them: %s',
    (match) => {
      const names = ['id', 'Name', 'zip', 'colour', ''];
      for (const a of names)
        for (const b of names)
          for (const c of names)
            for (const d of names) {
              const header = [a, b, c, d];
              const { fits } = matchColumns(header, schema(match));
              expect({ header, fits }).toEqual({ header, fits: matchHeader(header, schema(match)).ok });
            }
    },
  );
});
