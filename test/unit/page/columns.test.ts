import { describe, expect, it } from 'vitest';
import { findColumnFault } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import * as gateway from '#operator/gateway/model/columns.ts';
import { matchColumns } from '#page/check/match-columns.ts';
import { findTwice, toColumns, toMapping } from '#page/wizard/columns.ts';
import { findColumnErrors, MOST_COLUMNS, MOST_NAME_CHARACTERS } from '#page/wizard/find-column-errors.ts';
import type { Choice } from '#page/wizard/propose-columns.ts';

function schema(fields: string[], more: Partial<RecordSchemaSpec> = {}): RecordSchemaSpec {
  const target = { table: 't', columns: fields.map((name) => ({ name, field: name })) };
  return { fields: fields.map((name) => ({ name })), target, ...more } as RecordSchemaSpec;
}
const field = (name: string): Choice => ({ field: name });

describe('toMapping', () => {
  const spec = schema(['name', 'city']);

  it('says nothing of columns whose names say it', () => {
    expect(toMapping(['City', 'name'], spec, [field('city'), field('name')])).toEqual([]);
  });

  it('names what is another field, and what the schema does not let pass', () => {
    const header = ['Who', 'City', 'Note'];
    const columns = toMapping(header, spec, [field('name'), field('city'), 'ignore']);
    expect(columns).toEqual([
      { name: 'Who', field: 'name' },
      { name: 'Note', ignore: true },
    ]);
    expect(matchColumns(header, spec, columns)).toMatchObject({ fits: true, positions: [0, 1] });
  });

  it('leaves out columns that the schema lets pass', () => {
    const header = ['name', 'city', 'Note'];
    const open = schema(['name', 'city'], { fieldsMatch: 'subset' });
    expect(toMapping(header, open, [field('name'), field('city'), 'ignore'])).toEqual([]);
  });

  it('takes a field away from the column that has its name', () => {
    const header = ['name', 'city', 'real city'];
    const columns = toMapping(header, spec, [field('name'), 'ignore', field('city')]);
    expect(columns).toEqual([
      { name: 'city', ignore: true },
      { name: 'real city', field: 'city' },
    ]);
    expect(matchColumns(header, spec, columns)).toMatchObject({ fits: true, positions: [0, 2] });
    expect(findColumnFault(spec, { columns })).toBeNull();
  });

  it('swaps two columns', () => {
    const header = ['name', 'city'];
    const columns = toMapping(header, spec, [field('city'), field('name')]);
    expect(matchColumns(header, spec, columns)).toMatchObject({ fits: true, positions: [1, 0] });
  });
});

describe('findColumnErrors', () => {
  const spec = schema(['name', 'city']);

  it('finds nothing where all columns fit', () => {
    expect(findColumnErrors(['Who', 'City'], spec, [field('name'), field('city')])).toEqual([]);
  });

  it('names the required fields that no column is', () => {
    expect(findColumnErrors(['Who', 'City'], spec, ['ignore', field('city')])).toEqual([
      { kind: 'Missing', fields: ['name'] },
    ]);
    expect(findColumnErrors(['a', 'b'], spec, ['ignore', 'ignore'])).toEqual([{ kind: 'Nothing' }]);
  });

  it('finds a field that two columns are to be', () => {
    const found = findColumnErrors(['a', 'b', 'c'], spec, [field('name'), field('name'), field('city')]);
    expect(found.filter(({ kind }) => kind === 'Twice')).toEqual([
      { kind: 'Twice', column: 0, field: 'name' },
      { kind: 'Twice', column: 1, field: 'name' },
    ]);
    expect(findTwice([field('name'), 'ignore', 'ignore'])).toEqual(new Map());
  });

  it('finds names that nobody can tell apart, and columns without a name', () => {
    const twice = findColumnErrors(['name', 'x', 'x', 'city'], spec, [
      field('name'),
      'ignore',
      'ignore',
      field('city'),
    ]);
    expect(twice).toEqual([]);
    const same = findColumnErrors(['name', 'Ort', 'Ort'], spec, [field('name'), field('city'), 'ignore']);
    expect(same.map(({ kind }) => kind)).toContain('SameName');
    const nameless = findColumnErrors(['name', '', 'city'], spec, [field('name'), 'ignore', field('city')]);
    expect(nameless).toEqual([{ kind: 'Nameless', column: 1 }]);
  });

  it('finds what no upload could say of the columns, before the file is sent', () => {
    const long = 'n'.repeat(MOST_NAME_CHARACTERS + 1);
    expect(findColumnErrors(['Who', long], spec, [field('name'), field('city')])).toEqual([
      { kind: 'LongName', column: 1 },
    ]);
    expect(findColumnErrors(['Who', long.slice(1)], spec, [field('name'), field('city')])).toEqual([]);
    const others = Array.from({ length: MOST_COLUMNS + 1 }, (_, i) => `other ${i}`);
    const choices = [field('name'), field('city'), ...others.map((): Choice => 'ignore')];
    expect(findColumnErrors(['name', 'city', ...others], spec, choices)).toEqual([{ kind: 'TooMany' }]);
    expect([MOST_COLUMNS, MOST_NAME_CHARACTERS]).toEqual([gateway.MOST_COLUMNS, gateway.MOST_NAME_CHARACTERS]);
  });

  it('says when the schema wants its own order', () => {
    const exact = schema(['name', 'city'], { fieldsMatch: 'exact' });
    expect(findColumnErrors(['city', 'Who'], exact, [field('city'), field('name')])).toEqual([{ kind: 'Order' }]);
  });
});

describe('toColumns', () => {
  it('keeps every column by its visible name, once', () => {
    expect(toColumns(['a', '', 'b', 'a '], [field('name'), 'ignore', 'ignore', field('city')])).toEqual([
      { name: 'a', field: 'name' },
      { name: 'b', ignore: true },
    ]);
  });
});
