import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitBytes, splitRecord, withoutLineEnd } from '#runner/csv/split.ts';

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

describe('bytes', () => {
  const latin1 = (text: string) => Buffer.from(text, 'latin1');

  test.each<[name: string, record: Buffer, fields: string[], unreadable: number[]]>([
    ['text', Buffer.from('Zoë,"山,田"\r\n'), ['Zoë', '山,田'], []],
    ['Latin-1', latin1('a,Zo\xeb,b\n'), ['a', 'Zo\ufffd', 'b'], [1]],
    ['NUL', latin1('a\0b,c\n'), ['a\0b', 'c'], [0]],
    ['both', latin1('\xff,b,"\0"'), ['\ufffd', 'b', '\0'], [0, 2]],
    ['half a character before a delimiter', latin1('\xe5\xb1,b'), ['\ufffd', 'b'], [0]],
    ['a surrogate', latin1('a,\xed\xa0\x80'), ['a', '\ufffd\ufffd\ufffd'], [1]],
    ['the character that stands for such bytes', Buffer.from('\ufffd,b'), ['\ufffd', 'b'], []],
  ])('%s', (_name, record, fields, unreadable) => {
    expect(splitBytes(record)).toEqual({ fields, malformed: false, unreadable });
  });

  test('quoting is judged too', () => {
    expect(splitBytes(latin1('a"b,\xff'))).toMatchObject({ malformed: true, unreadable: [1] });
  });

  test('text is split as text is', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '"', ',', 'é', '山', '😀', ' '), { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        expect(splitBytes(Buffer.from(text))).toEqual({ ...splitRecord(text), unreadable: [] });
      }),
    );
  });
});
