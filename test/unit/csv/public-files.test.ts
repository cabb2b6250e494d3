/** Files that others made: the test collection csv-spectrum with its answers, and the public data sets of vega-datasets. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { read, readBytes } from './scan.ts';

const MODULES = new URL('../../../node_modules/', import.meta.url);

describe('csv-spectrum', () => {
  const folder = fileURLToPath(new URL('csv-spectrum', MODULES));
  const names = readdirSync(join(folder, 'csvs')).map((file) => file.replace('.csv', ''));

  /** Where an answer is not what its file says. */
  const CORRECTIONS: Record<string, Record<string, string>> = {
    // The file was given another telephone number, its answer was not.
    location_coordinates: { 'Contact Phone Number': '2095257564' },
  };

  test('is all there', () => expect(names).toHaveLength(12));

  test.each(names)('%s', (name) => {
    const file = readFileSync(join(folder, 'csvs', `${name}.csv`));
    // Its answers are texts, whatever the file's bytes: degree signs of location_coordinates are not UTF-8 in either.
    const [header, ...records] = readBytes(file);
    const found = records.map(({ fields }) => Object.fromEntries(fields.map((text, i) => [header!.fields[i]!, text])));
    const answers = [JSON.parse(readFileSync(join(folder, 'json', `${name}.json`), 'utf8'))].flat();
    expect(found).toEqual(answers.map((answer) => ({ ...answer, ...CORRECTIONS[name] })));
    // Seconds of an angle, written as a quote inside of an unquoted field: RFC 4180 has none there, and the record is refused.
    expect(records.some(({ malformed }) => malformed)).toBe(name === 'location_coordinates');
  });
});

describe('vega-datasets', () => {
  const folder = fileURLToPath(new URL('vega-datasets/data', MODULES));
  const names = readdirSync(folder).filter((file) => file.endsWith('.csv'));

  test('has files', () => expect(names.length).toBeGreaterThan(20));

  test.each(names)('%s, as csv-parse reads it', (name) => {
    const file = readFileSync(join(folder, name));
    const expected = parse(file, { relax_column_count: true, skip_empty_lines: true, bom: true });
    const found = readBytes(file);
    expect(found.map(({ fields }) => fields)).toEqual(expected);
    expect(found).toEqual(read(file));
  });
});
