/** Compares scanner and splitter with csv-parse, and with themselves when the bytes are cut elsewhere. */
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { read, readBytes, records, scan, scanInPlace } from './scan.ts';

const ENDS = ['\n', '\r\n', '\r'] as const;

/** csv-parse in the words of DESIGN's grammar; throws where quoting is malformed. */
function reference(text: string): string[][] {
  return parse(text, { record_delimiter: ['\r\n', '\n', '\r'], relax_column_count: true, skip_empty_lines: true });
}

function isMalformed(record: string): boolean {
  try {
    reference(record);
    return false;
  } catch {
    return true;
  }
}

function quote(text: string, always: boolean): string {
  return always || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Short texts of the bytes that mean something, so that every transition of the state table is met. */
const nasty = fc
  .array(fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é'), { maxLength: 24 })
  .map((parts) => parts.join(''));

const field = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.array(fc.constantFrom('a', '"', ',', '\n', '\r', ' ', '0'), { maxLength: 6 }).map((parts) => parts.join('')),
);

const cleanFile = fc
  .record({
    rows: fc.array(
      fc.record({ fields: fc.array(field, { minLength: 1, maxLength: 6 }), quoted: fc.boolean(), blank: fc.nat(2) }),
      { maxLength: 12 },
    ),
    end: fc.constantFrom(...ENDS),
    closed: fc.boolean(),
  })
  .map(({ rows, end, closed }) => {
    const lines: string[] = [];
    const expected: { row: number; fields: string[] }[] = [];
    for (const { fields, quoted, blank } of rows) {
      // One empty field without quotes would be a blank line.
      const line = fields.map((text) => quote(text, quoted || (fields.length === 1 && text === ''))).join(',');
      lines.push(line);
      expected.push({ row: lines.length, fields });
      for (let i = 0; i < blank; i += 1) lines.push('');
    }
    return { text: lines.join(end) + (closed && lines.length > 0 ? end : ''), expected };
  })
  // A byte order mark at the start is skipped, and csv-parse is asked without one.
  .filter(({ text }) => !text.startsWith('\ufeff'));

test('clean files: what was written is read, with its rows, as csv-parse reads it', () => {
  fc.assert(
    fc.property(cleanFile, ({ text, expected }) => {
      const found = read(text);
      expect(found.map(({ row, fields }) => ({ row, fields }))).toEqual(expected);
      expect(found.every(({ malformed }) => !malformed)).toBe(true);
      expect(reference(text)).toEqual(expected.map(({ fields }) => fields));
    }),
    { numRuns: 500 },
  );
});

/** Reads a text, or null when its last quote is never closed. */
function readOrNull(text: string): ReturnType<typeof read> | null {
  try {
    return read(text);
  } catch {
    return null;
  }
}

function agrees(text: string): void {
  const found = readOrNull(text);
  if (found === null) {
    expect(() => reference(text)).toThrow();
    return;
  }
  const texts = records(text).map(([, record]) => record);
  for (const [i, { fields, malformed }] of found.entries()) {
    expect(malformed, JSON.stringify(texts[i])).toBe(isMalformed(texts[i]!));
    if (!malformed) expect([fields]).toEqual(reference(texts[i]!));
  }
  if (found.every(({ malformed }) => !malformed)) expect(reference(text)).toEqual(found.map(({ fields }) => fields));
  else expect(() => reference(text)).toThrow();
}

test('any text: the same fields as csv-parse, malformed exactly where csv-parse refuses', () => {
  fc.assert(fc.property(nasty, agrees), { numRuns: 2000 });
});

test('every text of up to five bytes of the grammar agrees with csv-parse', () => {
  const alphabet = ['a', ',', '"', '\n', '\r'];
  const grow = (text: string) => {
    agrees(text);
    if (text.length < 5) for (const char of alphabet) grow(text + char);
  };
  grow('');
});

describe('the record reader', () => {
  const like = (text: string) => {
    const expected = readOrNull(text);
    // A quote that is never closed is found by the planner, and not by the reader.
    if (expected === null || text.startsWith('\ufeff')) return;
    const found = readBytes(Buffer.from(text));
    expect(found.map(({ row, malformed }) => ({ row, malformed }))).toEqual(
      expected.map(({ row, malformed }) => ({ row, malformed })),
    );
    for (const [i, { fields, malformed }] of found.entries())
      if (!malformed) expect(fields).toEqual(expected[i]!.fields);
  };

  test('finds the same records, rows and fields', () => {
    fc.assert(
      fc.property(cleanFile, ({ text }) => like(text)),
      { numRuns: 500 },
    );
    fc.assert(fc.property(nasty, like), { numRuns: 3000 });
  });

  test('in a record of thousands of fields too', () => {
    like(`${Array.from({ length: 5000 }, (_, i) => (i % 3 ? `"${i}"` : `${i}`)).join(',')}\nx,y`);
  });
});

describe('pieces', () => {
  const outcome = (text: Buffer, cuts: number[], by: typeof scanInPlace = scan) => {
    try {
      return by(text, cuts, { maxRecordBytes: 16 });
    } catch (error) {
      return (error as Error).message;
    }
  };

  test('any cuts give what one piece gives, the faults too', () => {
    // A piece that begins with a byte order mark begins with text, unless it is the file's first.
    const marked = fc.array(fc.oneof(nasty, fc.constant('\ufeff')), { maxLength: 4 }).map((parts) => parts.join(''));
    const input = fc.record({ text: marked, cuts: fc.array(fc.nat(60), { maxLength: 8 }) });
    fc.assert(
      fc.property(input, ({ text, cuts }) => {
        const bytes = Buffer.from(text);
        const within = cuts.map((cut) => Math.min(cut, bytes.length));
        expect(outcome(bytes, within)).toEqual(outcome(bytes, []));
        expect(outcome(bytes, within, scanInPlace)).toEqual(outcome(bytes, []));
        expect(outcome(bytes, [...bytes.keys()])).toEqual(outcome(bytes, []));
      }),
      { numRuns: 2000 },
    );
  });

  test('a scanner started at any record goes on with the same records and rows', () => {
    fc.assert(
      fc.property(cleanFile, ({ text }) => {
        const bytes = Buffer.from(text);
        const all = scan(bytes);
        for (const [i, { start, row }] of all.entries()) {
          expect(scan(bytes.subarray(start), [], { startByte: start, firstRowNumber: row })).toEqual(all.slice(i));
        }
      }),
    );
  });
});

test('malformed records never move the boundaries of those after them', () => {
  const spoilt = fc.constantFrom('5" pipe,b', 'a"', '"a"b', '"a" ,b', '"a"b"c,d', ' "a,b', '"a,\n"x"y', '"""a"z""');
  const lines = fc.array(
    fc.oneof(
      spoilt,
      field.map((text) => quote(`x${text}`, false)),
    ),
  );
  fc.assert(
    fc.property(lines, fc.constantFrom(...ENDS), (all, end) => {
      expect(records(all.map((line) => line + end).join(''))).toEqual(all.map((line, i) => [i + 1, line + end]));
    }),
    { numRuns: 500 },
  );
});
