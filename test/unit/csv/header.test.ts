import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FileSchema, findColumnFault } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnMapping } from '#api/source-format.ts';
import { matchHeader, normalizeName } from '#runner/csv/header.ts';

type Match = RecordSchemaSpec['fieldsMatch'];

function schema(fields: (string | { name: string; aliases?: string[]; required?: boolean })[], fieldsMatch?: Match) {
  return {
    fields: fields.map((field) => {
      if (typeof field === 'string') return { name: field, type: 'string' };
      const { required, ...rest } = field;
      return { ...rest, type: 'string', ...(required ? { constraints: { required } } : {}) };
    }),
    fieldsMatch: fieldsMatch ?? 'equal',
    primaryKey: ['key'],
    target: { table: 't', create: false, onDuplicate: 'Skip', columns: [] },
  } satisfies RecordSchemaSpec as RecordSchemaSpec;
}

const positions = (header: string[], spec: FileSchema): number[] => {
  const result = matchHeader(header, spec);
  if (!result.ok) throw new Error(result.message);
  return result.match.positions;
};

const message = (header: string[], spec: FileSchema): string => {
  const result = matchHeader(header, spec);
  if (result.ok) throw new Error('it matches');
  return result.message;
};

describe('names', () => {
  test.each([
    ['First Name', 'first_name'],
    ['first-name', 'first_name'],
    ['  FIRST   NAME ', 'first_name'],
    ['firstname', 'first_name'],
    ['First\u00a0Name', 'first_name'],
    ['pre\u0301nom', 'pr\u00e9nom'],
  ])('%j is %j', (a, b) => {
    expect(normalizeName(a)).toBe(normalizeName(b));
  });

  test.each([
    ['name1', 'name2'],
    ['prenom', 'prénom'],
    ['a.b', 'ab'],
  ])('%j is not %j', (a, b) => {
    expect(normalizeName(a)).not.toBe(normalizeName(b));
  });

  test('in any order', () => {
    expect(positions(['b', 'KEY', 'a'], schema(['key', 'a', 'b']))).toEqual([1, 2, 0]);
  });

  test('by alias', () => {
    expect(positions(['Mail', 'key'], schema(['key', { name: 'email', aliases: ['e mail address', 'mail'] }]))).toEqual(
      [1, 0],
    );
  });

  test("an alias never takes another field's own column", () => {
    const spec = schema(['key', { name: 'contact', aliases: ['email'] }, { name: 'email', aliases: ['mail'] }]);
    expect(message(['key', 'email'], spec)).toMatch(/missing: contact\./);
    expect(positions(['key', 'email', 'contact'], spec)).toEqual([0, 2, 1]);
  });

  test('any order of any subset of columns finds every field where its name is', () => {
    const names = ['key', 'a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: 1 }), (header) => {
        fc.pre(header.includes('key'));
        expect(positions(header, schema(names, 'superset'))).toEqual(names.map((name) => header.indexOf(name)));
      }),
    );
  });
});

describe('names that are alike', () => {
  test.each<[string, string[], string[], number[]]>([
    ['letter case', ['key', 'A', 'a'], ['a', 'key', 'A'], [1, 2, 0]],
    ['underscores', ['key', 'Q1_1', 'Q11'], ['key', 'Q11', 'Q1_1'], [0, 2, 1]],
    ['spaces within', ['key', 'start end', 'start\nend'], ['start\nend', 'key', 'start end'], [1, 2, 0]],
    ['symbols alone', ['key', '+', '-', '#', '_'], ['key', '_', '#', '+', '-'], [0, 3, 4, 2, 1]],
    ['spaces around', ['key', 'Q1_1', 'Q11'], ['key ', ' Q11', 'Q1_1 '], [0, 2, 1]],
    ['characters that nobody sees', ['key', 'name'], ['\ufeffkey', '\u200bname\u200b'], [0, 1]],
    ['only in the header', ['key', 'name'], ['KEY', 'Na\u00adme'], [0, 1]],
  ])('an exact name wins: %s', (_name, fields, header, found) => {
    expect(positions(header, schema(fields))).toEqual(found);
  });

  test('a column that is like two fields is neither', () => {
    expect(message(['key', 'q11', 'Q11'], schema(['key', 'Q1_1', 'Q11']))).toMatch(/missing: Q1_1; unknown: q11\./);
  });

  test("an exact alias wins over another field's name that is alike", () => {
    const spec = schema(['key', 'Q11', { name: 'first', aliases: ['Q1_1'] }]);
    expect(positions(['key', 'Q1_1', 'Q11'], spec)).toEqual([0, 2, 1]);
  });

  test('the best fit wins where the schema has one of them, and the other one is there twice', () => {
    expect(message(['key', 'a', 'A'], schema(['key', 'A'], 'subset'))).toMatch(/twice: a\./);
  });
});

describe('columns without a name', () => {
  test('at the end are no columns', () => {
    expect(matchHeader(['key', 'a', '', ' '], schema(['key', 'a']))).toEqual({
      ok: true,
      match: { positions: [0, 1], columns: 2 },
    });
  });

  test('in the middle are unknown, and not the same column twice', () => {
    const text = message(['key', '', ' ', 'a'], schema(['key', 'a']));
    expect(text).toMatch(/unknown: \(a column without a name\), \(a column without a name\)\./);
    expect(text).not.toMatch(/twice/);
  });

  test('are never a field, whatever its aliases', () => {
    const spec = schema(['key', { name: 'a', aliases: ['-'] }], 'superset');
    expect(message(['', 'key'], spec)).toMatch(/unknown: \(a column without a name\)\./);
    expect(message(['a', '', 'key'], spec)).not.toMatch(/twice/);
  });

  test('in the middle are left out where unknown columns may be', () => {
    expect(matchHeader(['key', '', '', 'a'], schema(['key', 'a'], 'subset'))).toEqual({
      ok: true,
      match: { positions: [0, 3], columns: 4 },
    });
  });
});

describe('fieldsMatch', () => {
  const fields = ['key', { name: 'must', required: true }, 'may'];
  test.each<[Match, string, boolean]>([
    ['equal', 'key,must,may', true],
    ['equal', 'may,must,key', true],
    ['equal', 'key,must', false],
    ['equal', 'key,must,may,other', false],
    ['exact', 'key,must,may', true],
    ['exact', 'must,key,may', false],
    ['exact', 'key,must', false],
    ['exact', 'key,must,may,other', false],
    ['subset', 'key,other,may,must', true],
    ['subset', 'key,other,must', false],
    ['superset', 'must,key', true],
    ['superset', 'key,may', false],
    ['superset', 'must,may', false],
    ['superset', 'key,must,other', false],
    ['partial', 'other,key,must', true],
    ['partial', 'must,may', false],
    ['partial', 'other', false],
  ])('%s: %s', (fieldsMatch, header, ok) => {
    expect(matchHeader(header.split(','), schema(fields, fieldsMatch)).ok).toBe(ok);
  });

  test('a missing field has no position', () => {
    expect(positions(['must', 'key'], schema(fields, 'superset'))).toEqual([1, 0, -1]);
  });

  test('exact says that the order is wrong', () => {
    expect(message(['may', 'must', 'key'], schema(fields, 'exact'))).toMatch(/not in the order of the schema/);
  });
});

describe('messages', () => {
  test('everything at once, with what is expected', () => {
    const text = message(['key', 'Key', 'colour', 'Size'], schema(['key', 'a', 'b']));
    expect(text).toMatch(/twice: Key; missing: a, b; unknown: colour, Size\. Expected: key, a, b\./);
  });

  test('one field by its name and by an alias', () => {
    const spec = schema(['key', { name: 'email', aliases: ['mail'] }], 'subset');
    expect(message(['key', 'email', 'Mail'], spec)).toMatch(/twice: Mail\./);
  });

  test('a column that is ignored may be there twice', () => {
    expect(positions(['x', 'key', 'X'], schema(['key'], 'subset'))).toEqual([1]);
  });

  test.each<Match>(['equal', 'partial', 'subset'])(
    'a file without a header: no value of its first record (%s)',
    (how) => {
      const text = message(['M12345', 'john.doe@example.com'], schema(['key', 'email'], how));
      expect(text).toMatch(/Expected: key, email\. Add the header row/);
      expect(text).not.toMatch(/M12345|john/);
    },
  );

  test('NUL: two bytes a character, most likely', () => {
    expect(message(['k\0e\0y\0'], schema(['key'], 'subset'))).toMatch(/NUL.*UTF-8/);
    expect(message(['key', 'a\0'], schema(['key'], 'subset'))).toMatch(/NUL.*UTF-8/);
  });

  test('of a thousand unknown columns a short message', () => {
    const header = ['key', ...Array.from({ length: 1000 }, (_, i) => `column ${i}`)];
    expect(message(header, schema(['key'])).length).toBeLessThan(1300);
  });
});

describe('columns that the upload names', () => {
  const named = (columns: ColumnMapping[], fieldsMatch?: Match) => ({
    ...schema(['key', 'a', 'b'], fieldsMatch),
    columns,
  });

  test('win over names, and may be left out', () => {
    const columns = [
      { name: 'a', field: 'b' },
      { name: 'b', field: 'a' },
      { name: 'Comment', ignore: true },
    ];
    expect(positions(['key', 'a', 'b', 'Comment'], named(columns))).toEqual([0, 2, 1]);
  });

  test('are found however their names are spaced, and by no other likeness', () => {
    const columns = [{ name: ' Date of\u00a0birth ', field: 'a' }];
    expect(positions(['key', 'Date of\u00a0birth', 'b'], named(columns))).toEqual([0, 1, 2]);
    expect(message(['key', 'date_of_birth', 'b'], named(columns))).toMatch(
      /not there: {2}Date of.birth ; missing: a; unknown: date_of_birth/,
    );
  });

  test('must be there', () => {
    const columns = [{ name: 'Comment', ignore: true }];
    expect(message(['key', 'a', 'b'], named(columns, 'partial'))).toMatch(
      /spec\.format\.columns names columns that are not there: Comment\./,
    );
  });

  test('leave no second column for their field', () => {
    expect(message(['key', 'A1', 'a', 'b'], named([{ name: 'A1', field: 'a' }]))).toMatch(/there twice: a/);
    expect(message(['key', 'A1', 'A1', 'b'], named([{ name: 'A1', field: 'a' }]))).toMatch(/there twice: A1/);
  });

  test('keep the order that the schema asks for', () => {
    const columns = [{ name: 'x', field: 'a' }];
    expect(positions(['key', 'x', 'b'], named(columns, 'exact'))).toEqual([0, 1, 2]);
    expect(message(['x', 'key', 'b'], named(columns, 'exact'))).toMatch(/not in the order/);
  });

  test('are fields of the schema, each once', () => {
    expect(findColumnFault(schema(['key', 'a']), { columns: [{ name: 'x', field: 'colour' }] })).toBe(
      'the column x is to be the field colour, which the schema does not have',
    );
    const twice = [
      { name: 'x', field: 'a' },
      { name: 'y', field: 'a' },
    ];
    expect(findColumnFault(schema(['key', 'a']), { columns: twice })).toBe('two columns are to be the field a');
    expect(findColumnFault(schema(['key', 'a']), { columns: [{ name: 'x', ignore: true }] })).toBeNull();
    for (const column of [{ name: 'x' }, { name: 'x', field: 'a', ignore: true }])
      expect(findColumnFault(schema(['key', 'a']), { columns: [column] })).toMatch(/x needs either a field or ignore/);
    // A name that a person cannot tell from another one would take its place in silence.
    for (const name of ['x', ' x', 'x\u200b', '\ufeffx']) {
      const same = [
        { name: 'x', field: 'a' },
        { name, ignore: true },
      ];
      expect(findColumnFault(schema(['key', 'a']), { columns: same })).toBe(
        'the column x is there twice, in names that look the same',
      );
    }
    const accents = [
      { name: 'é', ignore: true },
      { name: 'e\u0301', field: 'a' },
    ];
    expect(findColumnFault(schema(['key', 'a']), { columns: accents })).toMatch(/the column é is there twice/);
    // Names that differ in letter case are two columns.
    const cases = [
      { name: 'x', ignore: true },
      { name: 'X', field: 'a' },
    ];
    expect(findColumnFault(schema(['key', 'a']), { columns: cases })).toBeNull();
    // A field that does not exist leaves nothing out in silence.
    expect(message(['key', 'x'], { ...named([{ name: 'x', field: 'colour' }]) })).toMatch(/unknown: x/);
  });
});
