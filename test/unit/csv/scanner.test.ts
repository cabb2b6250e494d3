import { describe, expect, test } from 'vitest';
import { Fault } from '#common/faults.ts';
import { createRecordScanner } from '#runner/csv/scanner.ts';
import { records, scan } from './scan.ts';

describe('ends of records', () => {
  test.each<[name: string, input: string, expected: [number, string][]]>([
    ['nothing', '', []],
    [
      'LF',
      'a\nb\n',
      [
        [1, 'a\n'],
        [2, 'b\n'],
      ],
    ],
    [
      'CRLF',
      'a\r\nb\r\n',
      [
        [1, 'a\r\n'],
        [2, 'b\r\n'],
      ],
    ],
    [
      'CR alone',
      'a\rb\r',
      [
        [1, 'a\r'],
        [2, 'b\r'],
      ],
    ],
    [
      'all of them in one file',
      'a\nb\r\nc\rd',
      [
        [1, 'a\n'],
        [2, 'b\r\n'],
        [3, 'c\r'],
        [4, 'd'],
      ],
    ],
    [
      'no end of line at the end',
      'a\nb',
      [
        [1, 'a\n'],
        [2, 'b'],
      ],
    ],
    ['a comma at the end', 'a,', [[1, 'a,']]],
    [
      'an end of line within quotes',
      '"a\n\r\nb",c\nd\n',
      [
        [1, '"a\n\r\nb",c\n'],
        [2, 'd\n'],
      ],
    ],
    [
      'a CR right after the closing quote',
      '"a"\r"b"\r\n',
      [
        [1, '"a"\r'],
        [2, '"b"\r\n'],
      ],
    ],
    ['an empty quoted field is a record', '""\n', [[1, '""\n']]],
    ['a line of spaces is a record', ' \n', [[1, ' \n']]],
  ])('%s', (_name, input, expected) => {
    expect(records(input)).toEqual(expected);
  });
});

describe('rows as a spreadsheet counts them', () => {
  test.each<[name: string, input: string, expected: [number, string][]]>([
    [
      'a blank line counts and is no record',
      'h\n\na\n',
      [
        [1, 'h\n'],
        [3, 'a\n'],
      ],
    ],
    [
      'blank CRLF lines',
      'h\r\n\r\n\r\na',
      [
        [1, 'h\r\n'],
        [4, 'a'],
      ],
    ],
    [
      'blank CR lines',
      'h\r\r\ra',
      [
        [1, 'h\r'],
        [4, 'a'],
      ],
    ],
    [
      'LF CR is two ends',
      'h\n\ra',
      [
        [1, 'h\n'],
        [3, 'a'],
      ],
    ],
    ['blank lines at the start and the end', '\n\nh\n\n', [[3, 'h\n']]],
    [
      'a newline within quotes does not count',
      'h\n"a\n\nb"\nc\n',
      [
        [1, 'h\n'],
        [2, '"a\n\nb"\n'],
        [3, 'c\n'],
      ],
    ],
  ])('%s', (_name, input, expected) => {
    expect(records(input)).toEqual(expected);
  });

  test('of a scanner that starts in the middle of the file', () => {
    expect(scan('a\n\nb\n', [], { startByte: 100, firstRowNumber: 7 })).toEqual([
      { start: 100, end: 102, row: 7 },
      { start: 103, end: 105, row: 9 },
    ]);
  });

  test('a mark in the middle of the file belongs to its record', () => {
    expect(scan('\ufeffa\n', [], { startByte: 100 })).toEqual([{ start: 100, end: 105, row: 1 }]);
  });
});

describe('byte order mark', () => {
  const mark = [0xef, 0xbb, 0xbf];
  test.each<[name: string, bytes: number[], expected: { start: number; end: number }[]]>([
    ['is not of the first record', [...mark, 0x61, 0x0a], [{ start: 3, end: 5 }]],
    ['a quote after it opens a field', [...mark, 0x22, 0x0a, 0x22, 0x0a], [{ start: 3, end: 7 }]],
    ['alone', mark, []],
    ['before a blank line', [...mark, 0x0a, 0x61], [{ start: 4, end: 5 }]],
    ['twice: the second is text', [...mark, ...mark], [{ start: 3, end: 6 }]],
    ['its first byte alone', [0xef], [{ start: 0, end: 1 }]],
    ['its first two bytes, then a quote, which is stray', [0xef, 0xbb, 0x22, 0x0a], [{ start: 0, end: 4 }]],
  ])('%s', (_name, bytes, expected) => {
    const input = Buffer.from(bytes);
    const everywhere = [...input.keys()];
    for (const cuts of [[], everywhere]) {
      expect(scan(input, cuts).map(({ start, end }) => ({ start, end }))).toEqual(expected);
    }
  });
});

test('a mark at the start of a later piece is text', () => {
  expect(scan('a\n\ufeffb\n', [2])).toEqual([
    { start: 0, end: 2, row: 1 },
    { start: 2, end: 7, row: 2 },
  ]);
  expect(scan('a\n\ufeff', [2])).toHaveLength(2);
});

describe('stray quotes move no boundary', () => {
  test.each<[name: string, input: string]>([
    ['within an unquoted field', '5" pipe,b'],
    ['at its end', 'a",b'],
    ['text after the closing quote', '"a"b,c'],
    ['a space after the closing quote', '"a" ,b'],
    ['quotes after the text after the closing quote', '"a"b"c,d'],
    ['a space before the quote', ' "a,b'],
    ['another one in the text after it', '"a"x"y"z",b'],
  ])('%s', (_name, line) => {
    expect(records(`h\n${line}\n"n,\nm"\nz\n`)).toEqual([
      [1, 'h\n'],
      [2, `${line}\n`],
      [3, '"n,\nm"\n'],
      [4, 'z\n'],
    ]);
  });
});

describe('limits', () => {
  const fault = (input: string, cuts: number[] = [], maxRecordBytes = 10): Fault => {
    try {
      scan(input, cuts, { maxRecordBytes });
    } catch (error) {
      if (error instanceof Fault) return error;
      throw error;
    }
    throw new Error('no fault');
  };

  test.each(['\n', '\r\n', '\r', ''])('a record of exactly the limit, its end %j not counted', (end) => {
    expect(scan(`0123456789${end}`, [], { maxRecordBytes: 10 })).toHaveLength(1);
    expect(fault(`01234567890${end}`)).toMatchObject({ reason: 'RecordTooLong', category: 'permanent' });
  });

  test('the limit is per record', () => {
    expect(scan('01234567\n01234567\n01234567\n', [], { maxRecordBytes: 10 })).toHaveLength(3);
  });

  test('a record that is too long names its row', () => {
    const { code, message } = fault('h\n\n01234567890123\n');
    expect(code).toBe('FILE_RECORD_TOO_LONG');
    expect(message).toMatch(/row 3 is longer than 10 bytes/);
  });

  test.each([
    ['at the end of the file', 'h\n"ab\n', /opens in row 2.*before the end of the file.*written twice/],
    ['at the limit', 'h\n\nx,"0123456789\n0123\n"\n', /opens in row 3.*within 10 bytes.*written twice/],
    ['after a doubled quote', 'h\n"a""', /opens in row 2.*before the end of the file/],
  ])('a quote still open %s', (_name, input, message) => {
    const found = fault(input);
    expect(found).toMatchObject({
      code: 'FILE_UNTERMINATED_QUOTE',
      reason: 'UnterminatedQuote',
      category: 'permanent',
    });
    expect(found.message).toMatch(message);
  });

  test('a quote that closes with the last byte is closed', () => {
    expect(scan('h\n"ab"')).toHaveLength(2);
  });

  test.each(['h\n"0123456789012345"\n', 'h\n0123456789012345\n', 'h\n0123456789"123\n', 'h\n"01234567"",12\n'])(
    'what is said does not depend on the cuts: %j',
    (input) => {
      const whole = fault(input).message;
      for (let cut = 0; cut <= input.length; cut += 1) expect(fault(input, [cut]).message).toBe(whole);
      expect(
        fault(
          input,
          [...input].map((_, i) => i),
        ).message,
      ).toBe(whole);
    },
  );

  test('no record after the fault', () => {
    const rows: number[] = [];
    const scanner = createRecordScanner({ maxRecordBytes: 10, onRecord: (_start, _end, row) => rows.push(row) });
    expect(() => scanner.push(Buffer.from('h\n01234567890123\nz\n'))).toThrow(Fault);
    expect(rows).toEqual([1]);
  });
});
