import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '#common/canonical-json.ts';
import { hashSchema } from '#ledger/uploads/open-upload.ts';

it('equal values have equal texts, which are JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
});

it('keys are sorted as texts, also those that look like numbers, and what JSON leaves out is left out', () => {
  expect(canonicalJson({ b: [undefined, { z: 1, a: new Date(0) }], 10: 1, 9: 2, a: undefined })).toBe(
    '{"10":1,"9":2,"b":[null,{"a":"1970-01-01T00:00:00.000Z","z":1}]}',
  );
});

// Another hash would make an upload of before look like one by another schema: its content would be loaded again.
it('a schema has the hash that ledgers of before have', () => {
  const schema = {
    target: {
      table: 't',
      columns: [
        { name: 'id', field: 'id' },
        { field: 'größe', name: 'b' },
      ],
    },
    primaryKey: ['id'],
    fields: [
      { name: 'id', type: 'integer', constraints: { required: true, minimum: -1.5e21 } },
      { name: 'größe', description: undefined, 10: 'ten', 9: null },
    ],
    rules: [],
  };
  const hash = (request: object) => hashSchema({ schema, request } as unknown as Parameters<typeof hashSchema>[0]);
  expect(hash({})).toBe('662e25174a06395bc1c4943a125af7221953a82d6c0ca3a26cd6f3269c50516d');
  const format = { type: 'csv', dialect: { delimiter: '|' } };
  expect(hash({ format })).toBe('2c0017a6aad7012c1154d71efeb095cac1da49adf4cd63fb740a0a378705b00c');
});
