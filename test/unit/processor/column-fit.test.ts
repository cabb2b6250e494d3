import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitOf } from '#runner/processor/column-fit.ts';

/** The modifier of numeric(precision, scale), as PostgreSQL keeps it. */
const numeric = (precision: number, scale: number) => ({
  oid: 1700,
  modifier: ((precision << 16) | (scale & 0x7ff)) + 4,
});

describe('a number for a column with a scale', () => {
  it.each([
    ['1.23', 2, false],
    ['1.230', 2, false],
    ['1.239', 2, true],
    ['-0.005', 2, true],
    ['0.00000', 0, false],
    ['1e-3', 2, true],
    ['1e-3', 3, false],
    ['125e1', 0, false],
    ['12345', -2, true],
    ['12300', -2, false],
    ['not a number', 0, false],
    ['', 0, false],
  ])('%s with %i digits: loses %s', (text, scale, loses) => {
    expect(fitOf('number', numeric(10, scale))!.loses(text) !== null).toBe(loses);
  });

  it('loses nothing exactly when rounding leaves the number as it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: -99_999, max: 99_999 }), fc.nat(5), fc.nat(5), (whole, digits, scale) => {
        const text = (whole / 10 ** digits).toFixed(digits);
        const isKept = Number((whole / 10 ** digits).toFixed(scale)) === whole / 10 ** digits;
        expect(fitOf('number', numeric(20, scale))!.loses(text) === null).toBe(isKept);
      }),
    );
  });

  it('a numeric without a scale keeps every number', () => {
    expect(fitOf('number', { oid: 1700, modifier: -1 })).toBeNull();
  });
});

describe('a datetime for a column without a zone', () => {
  const { convert, loses } = fitOf('datetime', { oid: 1114, modifier: -1 })!;

  it('becomes the same moment in UTC', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0002-01-01'), max: new Date('9998-12-31'), noInvalidDate: true }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (date, offset) => {
          const second = new Date(Math.floor(date.getTime() / 1000) * 1000);
          const local = new Date(second.getTime() + offset * 60_000).toISOString().slice(0, 19);
          const two = (n: number) => String(n).padStart(2, '0');
          const minutes = Math.abs(offset);
          const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
          expect(convert!(`${local}.5${zone}`)).toBe(`${second.toISOString().slice(0, 19)}.5`);
        },
      ),
    );
  });

  it('stays as it is when it has no offset', () => {
    for (const text of ['2025-01-31T12:00:00Z', '2025-01-31T12:00:00', '2025-01-31T12:00:00.123']) {
      expect(convert!(text)).toBe(text);
      expect(loses(text)).toBeNull();
    }
  });
});

it.each([
  [
    'timestamp',
    1114,
    ['2025-01-31 12:00:00+02', '12:00-05:30', '2025-01-31T12:00:00.5+0200'],
    ['2025-01-31', '31-01-2025 12:00', '2025-01-31 12:00:00'],
  ],
  ['date', 1082, ['2025-01-31 12:00', '2025-01-31T00:00:00'], ['2025-01-31', 'Jan 31, 2025']],
])('a text for a column %s', (_type, oid, lossy, kept) => {
  const { loses } = fitOf('string', { oid, modifier: -1 })!;
  for (const text of lossy) expect(loses(text), text).not.toBeNull();
  for (const text of kept) expect(loses(text), text).toBeNull();
});
