import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, likenessOf, prepareName } from '#page/wizard/likeness.ts';
import { type Choice, proposeColumns, type SchemaField } from '#page/wizard/propose-columns.ts';
import { fitOf } from '#page/wizard/value-kinds.ts';

const like = (a: string, b: string) => likenessOf(prepareName(a), prepareName(b));
const text = (name: string, more: Partial<SchemaField> = {}): SchemaField => ({ name, type: 'string', ...more });

function propose(header: string[], fields: SchemaField[], more: Partial<Parameters<typeof proposeColumns>[0]> = {}) {
  const fieldOfColumn = header.map(() => null);
  return proposeColumns({ header, fields, fieldOfColumn, ...more });
}
const chosen = (proposed: { choice: Choice }[]) =>
  proposed.map(({ choice }) => (choice === 'ignore' ? null : choice.field));

describe('likenessOf', () => {
  it.each([
    ['E-Mail', 'email'],
    ['Prénom', 'prenom'],
    ['birthDate', 'Birth date'],
    ['PLZ_ORT', 'plz ort'],
  ])('takes %s and %s for the same', (a, b) => expect(like(a, b)).toBe(1));

  it.each([
    ['Date of birth', 'birth_date'],
    ['birth_dt', 'birth_date'],
    ['Adress', 'address'],
    ['qty', 'quantity'],
    ['DOB', 'date of birth'],
    ['E-Mail address', 'email'],
    ['Family names', 'family_name'],
  ])('takes %s and %s for alike', (a, b) => expect(like(a, b)).toBeGreaterThanOrEqual(0.55));

  it.each([
    ['Comment', 'country'],
    ['id', 'name'],
    ['price', 'date'],
    ['a', 'b'],
    ['', 'name'],
    ['---', 'name'],
  ])('takes %s and %s for different', (a, b) => expect(like(a, b)).toBeLessThan(0.55));

  it('is the same both ways, and between 0 and 1', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(like(a, b)).toBeCloseTo(like(b, a), 10);
        expect(like(a, b)).toBeGreaterThanOrEqual(0);
        expect(like(a, b)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('editDistance', () => {
  it.each([
    ['kitten', 'sitting', 3],
    ['adress', 'address', 1],
    ['emial', 'email', 1],
    ['', 'abc', 3],
  ])('of %s and %s is %i', (a, b, distance) => expect(editDistance(a, b)).toBe(distance));
});

describe('fitOf', () => {
  it.each([
    [{ type: 'string', format: 'email' }, ['a@example.org', 'b@example.org'], 'Distinct'],
    [{ type: 'string', format: 'email' }, ['Berlin', 'Rome'], 'Unlikely'],
    [{ type: 'date' }, ['2024-02-29', '31.12.2023'], 'Likely'],
    [{ type: 'date' }, ['Anna', 'Ben'], 'Unlikely'],
    [{ type: 'integer' }, ['1', '2', '3', '4', 'n/a'], 'Likely'],
    [{ type: 'string', constraints: { enum: ['ACTIVE', 'REVOKED'] } }, ['active', 'Revoked'], 'Distinct'],
    [{ type: 'string' }, ['anything'], 'Unknown'],
    [{ type: 'date' }, ['', ' '], 'Unknown'],
  ] as const)('of %j and %j is %s', (field, values, fit) => expect(fitOf(field, [...values])).toBe(fit));
});

describe('proposeColumns', () => {
  it('takes what was chosen before over names, and names over likeness', () => {
    const fields = [text('city'), text('town')];
    const proposed = proposeColumns({
      header: ['Town', 'Ort', 'Note'],
      fields,
      fieldOfColumn: ['town', null, null],
      before: [
        { name: 'Ort', field: 'city' },
        { name: 'Note', ignore: true },
      ],
    });
    expect(proposed).toEqual([
      { choice: { field: 'town' }, reason: 'Name' },
      { choice: { field: 'city' }, reason: 'Before' },
      { choice: 'ignore', reason: 'Before' },
    ]);
  });

  it('proposes no field twice, and the better column for it', () => {
    const fields = [text('birth_date')];
    expect(chosen(propose(['date of birth of child', 'birth dates'], fields))).toEqual([null, 'birth_date']);
  });

  it('knows titles and aliases', () => {
    const fields = [text('fname', { title: 'First name' }), text('lname', { aliases: ['Surname'] })];
    expect(chosen(propose(['Surnames', 'First  names'], fields))).toEqual(['lname', 'fname']);
  });

  it('asks the values: a column of names is no date, whatever its name says', () => {
    const fields = [text('start', { type: 'date' }), text('stage')];
    expect(chosen(propose(['starts'], fields, { samples: [['Anna', 'Ben']] }))).toEqual([null]);
    expect(chosen(propose(['starts'], fields, { samples: [['2024-01-01']] }))).toEqual(['start']);
  });

  it('finds the only column of email addresses without its name', () => {
    const fields = [text('email', { format: 'email' }), text('name')];
    const samples = [['Anna'], ['anna@example.org']];
    expect(chosen(propose(['Wer', 'Kontakt'], fields, { samples }))).toEqual([null, 'email']);
    const two = [['ben@example.org'], ['anna@example.org']];
    expect(chosen(propose(['Wer', 'Kontakt'], fields, { samples: two }))).toEqual([null, null]);
  });

  it('leaves names alone where there are too many to compare', () => {
    const header = Array.from({ length: 300 }, (_, i) => `Column ${i}`);
    const fields = header.map((name) => text(`${name}s`));
    expect(new Set(chosen(propose(header, fields)))).toEqual(new Set([null]));
  });

  it('proposes something for each column of any header, and no field twice', () => {
    const name = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 8 }), fc.uniqueArray(name, { maxLength: 8 }), (header, names) => {
        const found = chosen(
          propose(
            header,
            names.map((each) => text(each)),
          ),
        );
        expect(found).toHaveLength(header.length);
        const fields = found.filter((field) => field !== null);
        expect(new Set(fields).size).toBe(fields.length);
      }),
    );
  });
});
