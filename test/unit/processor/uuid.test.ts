import { expect, test } from 'vitest';
import { describeTarget } from '#runner/load/target.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import { createUuidGenerator } from '#runner/processor/uuid.ts';
import { decodeRows } from './run-record.ts';
import { schemaOf } from './schema.ts';

function take(count: number, now: () => number): string[] {
  const source = createUuidGenerator(now);
  const out = new RowBuffer();
  for (let i = 0; i < count; i += 1) {
    out.uuid(source.next());
    out.endColumn();
    out.endRow(i);
  }
  return decodeRows(out.all()).map(([text]) => text!);
}

const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

test('are of version 7 and begin with the time', () => {
  const [uuid] = take(1, () => TIME);
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(uuid!.replaceAll('-', '').slice(0, 12), 16)).toBe(TIME);
});

test.each([
  ['in one millisecond', () => TIME],
  [
    'when the clock goes back',
    (() =>
      (
        (tick) => () =>
          TIME - tick++
      )(0))(),
  ],
  [
    'when it goes on',
    (() =>
      (
        (tick) => () =>
          TIME + Math.floor(tick++ / 3)
      )(0))(),
  ],
])('each is greater than the one before: %s', (_name, now) => {
  const uuids = take(10_000, now);
  expect(uuids).toEqual(uuids.toSorted());
  expect(new Set(uuids).size).toBe(uuids.length);
});

test('two sources at the same time differ', () => {
  expect(take(1, () => TIME)).not.toEqual(take(1, () => TIME));
});

test('a row that another record takes the place of keeps its own', () => {
  const columns = [
    { name: 'k', field: 'k' },
    { name: 'id', system: 'uuid' as const },
    { name: 'v', field: 'v' },
  ];
  const schema = schemaOf({ v: {} }, { columns });
  const { copyIntoTarget, byKey } = describeTarget({ ...schema, target: { ...schema.target, onDuplicate: 'Update' } });
  expect(copyIntoTarget).toContain('("k", "id", "v")');
  expect(byKey!.merge.replace).toContain('SET "k" = s."k", "v" = s."v"');
});
