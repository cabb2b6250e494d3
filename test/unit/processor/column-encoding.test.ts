import { expect, test } from 'vitest';
import { daysSince2000 } from '#runner/processor/calendar.ts';
import { chooseEncodings } from '#runner/processor/column-encoding.ts';
import { schemaOf } from './schema.ts';

const DAY_MS = 86_400_000;

test('days are counted as the calendar does, in all years that a date may have', () => {
  const start = Date.UTC(2000, 0, 1);
  const first = new Date(0).setUTCFullYear(1, 0, 1);
  for (let time = first; time < Date.UTC(10_000, 0, 1); time += 13 * DAY_MS) {
    const date = new Date(time);
    const days = daysSince2000(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate());
    if (days !== Math.round((time - start) / DAY_MS)) expect.fail(`${date.toISOString()}: ${days}`);
  }
});

const schema = schemaOf(
  { v: { type: 'integer' } },
  {
    columns: [
      { name: 'k', field: 'k' },
      { name: 'v', field: 'v' },
      { name: 'n', system: 'rowNumber' },
      { name: 'j', json: [{ path: 'v', field: 'v' }] },
    ],
  },
);

test.each([
  ['all known', [25, 23, 20, 3802], ['text', 'int4', 'int8', 'jsonb']],
  ['texts take everything', [1043, 1042, 25, 25], ['text', 'text', 'text', 'text']],
  ['json is its text', [25, 1700, 1700, 114], ['text', 'numeric', 'numeric', 'text']],
  ['another type of the database', [25, 23, 20, 17], null],
  ['an array', [25, 1007, 20, 3802], null],
  ['a whole number into a date', [25, 1082, 20, 3802], null],
  ['text into a json column', [114, 23, 20, 3802], null],
  ['a column that is not there', [25, 0, 20, 3802], null],
])('%s', (_name, types, expected) => {
  expect(
    chooseEncodings(
      schema,
      types.map((oid) => ({ oid, modifier: -1 })),
    ),
  ).toEqual(expected);
});
