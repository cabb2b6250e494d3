import { describe, expect, test } from 'vitest';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';

test.each<[text: string, fields: string[]]>([
  ['', ['']],
  [',', ['', '']],
  ['a', ['a']],
  ['a,b,c', ['a', 'b', 'c']],
  ['a,,', ['a', '', '']],
  [' a , b ', [' a ', ' b ']],
  ['""', ['']],
  ['"",""', ['', '']],
  ['"a,b",c', ['a,b', 'c']],
  ['a,"b\r\nc"', ['a', 'b\r\nc']],
  ['"say ""hi""",x', ['say "hi"', 'x']],
  ['""""', ['"']],
  ['"""",""""""', ['"', '""']],
  ['"a",', ['a', '']],
  [',"a"', ['', 'a']],
  ['Zoë,"Łódź, 山田"', ['Zoë', 'Łódź, 山田']],
  ['00123,1e5', ['00123', '1e5']],
])('%j', (text, fields) => {
  expect(splitRecord(text)).toEqual({ fields, malformed: false });
});

describe('malformed, with as many fields as the delimiters say', () => {
  test.each<[text: string, fields: number]>([
    ['a"b', 1],
    ['a"b,c"d', 2],
    ['5" pipe,x', 2],
    ['a,b"', 2],
    ['"a"b,c', 2],
    ['"a" ,b', 2],
    ['"a"b"c,d', 2],
    [' "a,b"', 2],
    ['"a,b"c,d', 2],
    ['"a', 1],
    ['x,"a""', 2],
  ])('%j', (text, fields) => {
    const found = splitRecord(text);
    expect(found.malformed).toBe(true);
    expect(found.fields).toHaveLength(fields);
  });
});

test.each([
  ['a\n', 'a'],
  ['a\r\n', 'a'],
  ['a\r', 'a'],
  ['a', 'a'],
  ['"a\n"\n', '"a\n"'],
  ['"a\r"', '"a\r"'],
  ['\n', ''],
])('without its end of line: %j', (text, expected) => {
  expect(withoutLineEnd(text)).toBe(expected);
});
