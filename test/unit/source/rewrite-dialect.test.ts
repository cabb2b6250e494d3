import { getHeapStatistics } from 'node:v8';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dialect } from '#api/source-format.ts';
import { createDialectRewriter } from '#runner/source/rewrite-dialect.ts';
import { completeDialect } from '#runner/source/source-format.ts';
import { read } from '../csv/scan.ts';

const dialectOf = (declared: Partial<Dialect>) => completeDialect(declared, ',');

/** The canonical form of a text whose bytes come cut at these offsets. */
function rewrite(text: string, declared: Partial<Dialect>, cuts: readonly number[] = []): string {
  const rewriter = createDialectRewriter({ dialect: dialectOf(declared), maxRecordBytes: 1000 });
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length].map((each) => Math.min(each, bytes.length)).sort((a, b) => a - b)) {
    out.push(rewriter.push(bytes.subarray(from, cut)));
    from = cut;
  }
  return Buffer.concat([...out, rewriter.end()]).toString('utf8');
}

/** The records of the canonical form as the scanner finds them. */
const readAll = (text: string, declared: Partial<Dialect>) =>
  read(rewrite(text, declared)).map(({ row, fields, malformed }) => (malformed ? [row] : [row, ...fields]));

describe('dialects', () => {
  it.each<[string, Partial<Dialect>, string, unknown[]]>([
    ['single quotes', { quoteChar: "'" }, "a,'b,''c'''\n", [[1, 'a', "b,'c'"]]],
    ['double quotes are text then', { quoteChar: "'" }, 'a,5" pipe\n', [[1, 'a', '5" pipe']]],
    [
      'no quoting',
      { quoteChar: '' },
      'a,"b\nc,d"\n',
      [
        [1, 'a', '"b'],
        [2, 'c', 'd"'],
      ],
    ],
    ['an escaped quote', { escapeChar: '\\', doubleQuote: false }, '"a\\"b\\\\",c\n', [[1, 'a"b\\', 'c']]],
    [
      'escapes outside of quotes',
      { quoteChar: '', escapeChar: '\\' },
      'a\\,b,c\\\nd\ne,f\n',
      [
        [1, 'a,b', 'c\nd'],
        [2, 'e', 'f'],
      ],
    ],
    ['an escape at the end of the file', { escapeChar: '\\' }, 'a,b\nc,d\\', [[1, 'a', 'b'], [2]]],
    [
      'comments are rows',
      { commentChar: '#' },
      '# x "\na,b\n\n#y\nc,#d\n',
      [
        [2, 'a', 'b'],
        [5, 'c', '#d'],
      ],
    ],
    ['a comment in quotes is none', { commentChar: '#' }, '"a\n#b",c\n', [[1, 'a\n#b', 'c']]],
    ['spaces before a field', { skipInitialSpace: true }, 'a,  b ,  "c d", \n', [[1, 'a', 'b ', 'c d', '']]],
    ['doubled quotes that are none', { doubleQuote: false }, '"a""b",c\n"d",e\n', [[1], [2, 'd', 'e']]],
    [
      'NULL as MySQL writes it',
      { escapeChar: '\\', quoteChar: '' },
      'a,\\N,b\n\\N,\\N,c\nN,\\\\N,\\NN\nx\\N,\\N',
      [
        [1, 'a', '', 'b'],
        [2, '', '', 'c'],
        [3, 'N', '\\N', 'NN'],
        [4, 'xN', ''],
      ],
    ],
    ['a quoted N is a text', { escapeChar: '\\' }, '"\\N",\\N\n', [[1, 'N', '']]],
    [
      'only NULL',
      { escapeChar: '\\' },
      '\\N\n\\N,\\N\n',
      [
        [1, ''],
        [2, '', ''],
      ],
    ],
    [
      'rows of blanks and delimiters',
      { quoteChar: "'" },
      "a,b\n , \n,\n\t\n \n'',''\nc,d\n\x1a",
      [
        [1, 'a', 'b'],
        [6, '', ''],
        [7, 'c', 'd'],
      ],
    ],
    ['another delimiter', { delimiter: '\x01', quoteChar: '' }, 'a,b\x01"c\n', [[1, 'a,b', '"c']]],
    [
      'lines of every kind',
      { quoteChar: "'" },
      'a\r\nb\rc\n\r\n\rd',
      [
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
        [6, 'd'],
      ],
    ],
    [
      'one empty field',
      { quoteChar: "'" },
      "''\n\na",
      [
        [1, ''],
        [3, 'a'],
      ],
    ],
    ['a mark', { quoteChar: "'" }, "\ufeff'a',b\n", [[1, 'a', 'b']]],
  ])('%s', (_name, declared, text, expected) => {
    expect(readAll(text, declared)).toEqual(expected);
  });
});

it.each([
  ["O'Brien,x", "O'Brien,x"],
  ["'a'b,c", "'a'b,c"],
  ["'a\nb'c", "'a\nb'c"],
  ["a,'b'  ", "a,'b'  "],
])('a stray quote fails its record, which keeps its text: %s', (line, raw) => {
  const found = read(rewrite(`h\n${line}\n'n,\nm'\nz\n`, { quoteChar: "'" }));
  expect(found.map(({ row, malformed }) => [row, malformed])).toEqual([
    [1, false],
    [2, true],
    [3, false],
    [4, false],
  ]);
  expect(found[1]!.fields).toEqual([`${raw} `]);
});

it('bytes that are not text go through as they are', () => {
  const rewriter = createDialectRewriter({ dialect: dialectOf({ quoteChar: "'" }), maxRecordBytes: 100 });
  expect(rewriter.push(Buffer.from("a,'\xff\xc3'\n", 'latin1')).toString('latin1')).toBe('a,\xff\xc3\n');
});

it.each([
  ['an open quote', "1,'"],
  ['no quote', '1,'],
  ['a comment', '#'],
])('a record of many megabytes makes no strings: %s', (_name, start) => {
  const rewriter = createDialectRewriter({
    dialect: dialectOf({ quoteChar: "'", commentChar: '#' }),
    maxRecordBytes: 2 ** 24,
  });
  const before = getHeapStatistics().used_heap_size;
  rewriter.push(Buffer.from(start));
  for (let i = 0; i < 15; i += 1) rewriter.push(Buffer.alloc(2 ** 20, 'x'));
  expect(getHeapStatistics().used_heap_size - before).toBeLessThan(2 ** 25);
  expect(() => rewriter.push(Buffer.alloc(2 ** 20, 'x'))).toThrow(/row 1 is longer than 16777216 bytes/);
});

it('a quote that is never closed is the scanner’s to say, with its row', () => {
  expect(() => read(rewrite("a\n\n'b\nc\n", { quoteChar: "'" }))).toThrow(/opens in row 3.*end of the file/);
});

it.each(['x'.repeat(1001), `'${'\n'.repeat(1001)}`, `#${'x'.repeat(1001)}`])(
  'a record or comment has a limit',
  (line) => {
    expect(() => rewrite(`a\n${line}`, { quoteChar: "'", commentChar: '#' })).toThrow(
      /row 2 is longer than 1000 bytes/,
    );
  },
);

describe('against csv-parse', () => {
  /** csv-parse takes rows of blanks and delimiters for records. */
  const withoutBlank = (records: string[][], blanks = /\s/g) =>
    records.filter((fields) => fields.some((text) => text.replace(blanks, '') !== ''));
  const alphabet = fc.constantFrom('a', "'", '"', ';', ',', '\\', '#', ' ', '\n', '\r', 'é');
  const texts = fc.array(alphabet, { maxLength: 24 }).map((parts) => parts.join(''));

  /** The records as csv-parse reads them; null where csv-parse refuses the text. */
  function reference(text: string, options: object): string[][] | null {
    try {
      return parse(text, {
        record_delimiter: ['\r\n', '\n', '\r'],
        relax_column_count: true,
        skip_empty_lines: true,
        comment_no_infix: true,
        ...options,
      });
    } catch {
      return null;
    }
  }

  it.each<[string, Partial<Dialect>, object]>([
    ['quotes', { delimiter: ';', quoteChar: "'" }, { delimiter: ';', quote: "'", escape: "'" }],
    ['no quotes', { quoteChar: '' }, { quote: null, escape: null }],
    ['comments', { commentChar: '#' }, { comment: '#' }],
  ])('any text: the same fields, and malformed where it refuses: %s', (_name, declared, options) => {
    fc.assert(
      fc.property(texts, (text) => {
        // After a closing quote csv-parse takes a comment in the middle of a line, although its option forbids that.
        fc.pre(!/"#/.test(text));
        const expected = reference(text, options);
        let found: ReturnType<typeof read>;
        try {
          found = read(rewrite(text, declared));
        } catch {
          expect(expected).toBeNull();
          return;
        }
        if (found.some(({ malformed }) => malformed)) expect(expected).toBeNull();
        else expect(withoutBlank(found.map(({ fields }) => fields))).toEqual(withoutBlank(expected ?? []));
      }),
      { numRuns: 2000 },
    );
  });

  const fields = fc.array(
    fc.array(
      fc.array(alphabet, { maxLength: 6 }).map((parts) => parts.join('')),
      { minLength: 1, maxLength: 4 },
    ),
  );

  it('escapes in quotes: what was written is read', () => {
    fc.assert(
      fc.property(fields, (records) => {
        const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
        const text = records.map((record) => `${record.map(quote).join(',')}\n`).join('');
        const found = read(rewrite(text, { escapeChar: '\\', doubleQuote: false }));
        expect(found.map((each) => each.fields)).toEqual(records);
        expect(reference(text, { escape: '\\' })).toEqual(records);
      }),
    );
  });

  it('escapes without quotes: what was written is read', () => {
    fc.assert(
      fc.property(fields, (records) => {
        const text = records
          .map((record) => `${record.map((each) => each.replace(/[,\\\r\n]/g, '\\$&')).join(',')}\n`)
          .join('');
        const found = read(rewrite(text, { quoteChar: '', escapeChar: '\\' }));
        expect(found.map((each) => each.fields)).toEqual(withoutBlank(records, / /g));
      }),
    );
  });

  it('any cuts give the same, in every dialect', () => {
    const dialects = fc.record({
      quoteChar: fc.constantFrom("'", '"', ''),
      doubleQuote: fc.boolean(),
      escapeChar: fc.constantFrom('\\', ''),
      commentChar: fc.constantFrom('#', ''),
      skipInitialSpace: fc.boolean(),
    });
    const marked = fc.tuple(fc.constantFrom('', '\ufeff'), texts).map((parts) => parts.join(''));
    fc.assert(
      fc.property(marked, dialects, fc.array(fc.nat(40)), (text, dialect, cuts) => {
        const whole = rewrite(text, dialect);
        expect(rewrite(text, dialect, cuts)).toBe(whole);
        expect(rewrite(text, dialect, [...Buffer.from(text).keys()])).toBe(whole);
      }),
      { numRuns: 1000 },
    );
  });
});
