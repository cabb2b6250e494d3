import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFormat, type Kind } from '#runner/processor/strptime.ts';

const read = (format: string, kind: Kind, text: string) => compileFormat(format, kind, 'f').read(text);

describe('date', () => {
  test.each<[format: string, text: string, iso: string | undefined]>([
    ['%m/%d/%Y', '01/31/2025', '2025-01-31'],
    ['%m/%d/%Y', '1/5/2025', '2025-01-05'],
    ['%m/%d/%Y', '31/01/2025', undefined],
    ['%m/%d/%Y', '02/29/2025', undefined],
    ['%m/%d/%Y', '02/29/2024', '2024-02-29'],
    ['%m/%d/%Y', '001/31/2025', undefined],
    ['%m/%d/%Y', '01/31/25', undefined],
    ['%m/%d/%Y', '01/31/0000', undefined],
    ['%m/%d/%Y', ' 01/31/2025', undefined],
    ['%m/%d/%Y', '01/31/2025\n', undefined],
    ['%m/%d/%Y', '０1/31/2025', undefined],
    ['%m/%d/%Y %I:%M:%S %p', '12/31/2024 11:59:59 PM', '2024-12-31'],
    ['%m/%d/%Y %I:%M:%S %p', '12/31/2024 13:59:59 PM', undefined],
    ['%Y-%m-%dT%H:%M:%S.%f', '2025-01-15T00:00:00.000', '2025-01-15'],
    ['%Y-%m-%d %H', '2025-01-15 24', undefined],
    ['%d.%m.%y', '31.01.00', '2000-01-31'],
    ['%d.%m.%y', '31.01.68', '2068-01-31'],
    ['%d.%m.%y', '31.01.69', '1969-01-31'],
    ['%d.%m.%y', '31.01.99', '1999-01-31'],
    ['%d.%m.%y', '31x01x99', undefined],
    ['%Y%m%d', '20250131', '2025-01-31'],
    ['%Y%m%d', '2025131', undefined],
    ['%d1%m.%Y', '3112.2025', undefined],
    ['%d1%m.%Y', '31112.2025', '2025-12-31'],
    ['%d-%b-%Y', '31-jan-2025', '2025-01-31'],
    ['%d-%b-%Y', '31-JANUARY-2025', '2025-01-31'],
    ['%B %d, %Y', 'Sep 3, 2025', '2025-09-03'],
    ['%B %d, %Y', 'September 03, 2025', '2025-09-03'],
    ['%B %d, %Y', 'Sept 03, 2025', undefined],
    ['%B %d, %Y', 'Januar 3, 2025', undefined],
    ['%B%d%Y', 'May032025', '2025-05-03'],
    ['%d%%%m%%%Y', '3%1%2025', '2025-01-03'],
    ['(%d)[%m]*%Y', '(3)[1]*2025', '2025-01-03'],
  ])('%s of %j: %s', (format, text, iso) => {
    expect(read(format, 'date', text)).toBe(iso);
  });
});

describe('time and datetime', () => {
  test.each<[format: string, kind: Kind, text: string, iso: string | undefined]>([
    ['%H:%M', 'time', '7:05', '07:05:00'],
    ['%H:%M', 'time', '23:59', '23:59:00'],
    ['%H:%M', 'time', '24:00', undefined],
    ['%H:%M', 'time', '12:60', undefined],
    ['%H%M%S', 'time', '070509', '07:05:09'],
    ['%H:%M:%S', 'time', '07:05:60', undefined],
    ['%H:%M:%S.%f', 'time', '07:05:09.000120', '07:05:09.000120'],
    ['%H:%M:%S.%f', 'time', '07:05:09.', undefined],
    ['%I:%M %p', 'time', '12:00 AM', '00:00:00'],
    ['%I:%M %p', 'time', '12:00 pm', '12:00:00'],
    ['%I:%M %p', 'time', '1:30 pM', '13:30:00'],
    ['%I:%M %p', 'time', '11:59 PM', '23:59:00'],
    ['%I:%M %p', 'time', '13:00 PM', undefined],
    ['%I:%M %p', 'time', '0:30 AM', undefined],
    ['%d/%m/%Y %H:%M:%S', 'datetime', '12/11/2018 09:15:32', '2018-11-12T09:15:32'],
    ['%d/%m/%Y %H:%M:%S', 'datetime', '31/11/2018 09:15:32', undefined],
    ['%Y-%m-%dT%H:%M:%S%z', 'datetime', '2025-01-31T12:00:00+0530', '2025-01-31T12:00:00+05:30'],
    ['%Y-%m-%dT%H:%M:%S%z', 'datetime', '2025-01-31T12:00:00-05:00', '2025-01-31T12:00:00-05:00'],
    ['%Y-%m-%dT%H:%M:%S%z', 'datetime', '2025-01-31T12:00:00Z', '2025-01-31T12:00:00Z'],
    ['%Y-%m-%dT%H:%M:%S%z', 'datetime', '2025-01-31T12:00:00', undefined],
    ['%Y-%m-%dT%H:%M:%S%z', 'datetime', '2025-01-31T12:00:00+15:00', undefined],
  ])('%s as %s of %j: %s', (format, kind, text, iso) => {
    expect(read(format, kind, text)).toBe(iso);
  });
});

const two = (n: number) => String(n).padStart(2, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Formats, each with a function that writes a moment and one that cuts ISO 8601 to the format's precision. */
const FORMATS: [format: string, kind: Kind, write: (at: Date) => string, iso: (iso: string) => string][] = [
  ['%m/%d/%Y', 'date', (d) => `${d.getUTCMonth() + 1}/${d.getUTCDate()}/${year(d)}`, (iso) => iso.slice(0, 10)],
  [
    '%d.%m.%y',
    'date',
    (d) => `${two(d.getUTCDate())}.${two(d.getUTCMonth() + 1)}.${year(d).slice(2)}`,
    (iso) => iso.slice(0, 10),
  ],
  ['%Y%m%d', 'date', (d) => d.toISOString().slice(0, 10).replaceAll('-', ''), (iso) => iso.slice(0, 10)],
  ['%d %b %Y', 'date', (d) => `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${year(d)}`, (iso) => iso.slice(0, 10)],
  [
    '%d %B %Y',
    'date',
    (d) => d.toLocaleDateString('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'long', year: 'numeric' }),
    (iso) => iso.slice(0, 10),
  ],
  [
    '%I:%M:%S %p',
    'time',
    (d) => d.toLocaleTimeString('en-US', { timeZone: 'UTC' }).replace('\u202f', ' '),
    (iso) => iso.slice(11, 19),
  ],
  ['%H:%M:%S.%f', 'time', (d) => d.toISOString().slice(11, 23), (iso) => iso.slice(11, 23)],
  [
    '%Y/%m/%d %H.%M.%S',
    'datetime',
    (d) => d.toISOString().slice(0, 19).replace('T', ' ').replaceAll('-', '/').replaceAll(':', '.'),
    (iso) => iso.slice(0, 19),
  ],
];

function year(date: Date): string {
  return String(date.getUTCFullYear()).padStart(4, '0');
}

describe('as Date has it', () => {
  // Two digits can say each of these years, too.
  const moment = fc.date({
    min: new Date('1969-01-01'),
    max: new Date('2068-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });

  test.each(FORMATS)('%s (%s)', (format, kind, write, iso) => {
    const { read } = compileFormat(format, kind, 'f');
    fc.assert(
      fc.property(moment, (at) => {
        expect(read(write(at))).toBe(iso(at.toISOString()));
      }),
      { numRuns: 500 },
    );
  });

  test('a day that is none, for every day number of every month', () => {
    const { read } = compileFormat('%d.%m.%Y', 'date', 'f');
    for (const year of ['0001', '1900', '2000', '2023', '2024', '9999']) {
      for (let month = 0; month <= 13; month += 1) {
        for (let day = 0; day <= 32; day += 1) {
          const iso = `${year}-${two(month)}-${two(day)}`;
          const date = new Date(`${iso}T00:00:00Z`);
          const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(iso);
          expect(read(`${day}.${month}.${year}`), iso).toBe(exists ? iso : undefined);
        }
      }
    }
  });

  test('every format reads its own example', () => {
    for (const [format, kind] of FORMATS) {
      const { example, read } = compileFormat(format, kind, 'f');
      expect(read(example), `${format}: ${example}`).toMatch(kind === 'time' ? /^14:05:09/ : /^2025-01-31/);
    }
  });
});

describe('a format that cannot be used says why', () => {
  test.each<[format: string, kind: Kind, message: RegExp]>([
    ['%d.%m', 'date', /lacks the year: .*%Y %y/],
    ['%H', 'time', /lacks the minute/],
    ['%d.%m.%Y', 'datetime', /lacks the hour, minute/],
    ['%d.%m.%Y %M', 'date', /has the minute without the hour/],
    ['%d.%m.%Y', 'time', /has %d: the words of a time are %H %I %p %M %S %f and %%/],
    ['%H:%M %z', 'time', /has %z/],
    ['%j %Y', 'date', /has %j/],
    ['%d.%m.%Y%', 'date', /has %:/],
    ['%d.%m.%Y.%y', 'date', /has the year twice/],
    ['%d.%b.%m.%Y', 'date', /has the month twice/],
    ['%I:%M', 'time', /%I and %p go together/],
    ['%H:%M %p', 'time', /%I and %p go together/],
    ['%H:%M.%f', 'time', /has %f without %S/],
  ])('%s as %s', (format, kind, message) => {
    expect(() => compileFormat(format, kind, 'spec.f')).toThrow(message);
    expect(() => compileFormat(format, kind, 'spec.f')).toThrow(/^spec\.f: /);
  });
});
