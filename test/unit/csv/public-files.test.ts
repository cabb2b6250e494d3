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

  /** The collection's answer is wrong for these values; here are the values of the file. */
  const CORRECTIONS: Record<string, Record<string, string>> = {
    // The collection changed the telephone number in the file, and not in the answer.
    location_coordinates: { 'Contact Phone Number': '2095257564' },
  };

  test('is all there', () => expect(names).toHaveLength(12));

  test.each(names)('%s', (name) => {
    const file = readFileSync(join(folder, 'csvs', `${name}.csv`));
    // Both file and answer are read as texts: the degree signs of location_coordinates are UTF-8 in neither.
    const [header, ...records] = readBytes(file);
    const found = records.map(({ fields }) => Object.fromEntries(fields.map((text, i) => [header!.fields[i]!, text])));
    const answers = [JSON.parse(readFileSync(join(folder, 'json', `${name}.json`), 'utf8'))].flat();
    expect(found).toEqual(answers.map((answer) => ({ ...answer, ...CORRECTIONS[name] })));
    // An unquoted field holds a quote, which means the seconds of an angle; RFC 4180 allows no quote there.
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
