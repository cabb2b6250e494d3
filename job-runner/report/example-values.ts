/** Texts that may be values of a field, the likeliest first. Pure; a caller checks them by the processor. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { samplePattern } from './sample-pattern.ts';

type Field = RecordSchemaSpec['fields'][number];

const MOMENTS = [
  '2025-01-31T09:30:00',
  '2000-02-29T00:00:00',
  '1990-05-01T12:15:00',
  '2030-12-31T23:59:59',
  '2025-06-15T18:05:00',
];

export function exampleValues(field: Field): string[] {
  const { constraints = {} } = field;
  const { pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = constraints;
  const bounds = [minimum, maximum, exclusiveMinimum, exclusiveMaximum].filter((bound) => bound !== undefined);
  const samples = pattern === undefined ? [] : [0, 1, 2, 4, 8].map((extra) => samplePattern(pattern, extra));
  return [
    ...(constraints.enum ?? []),
    ...(field.type === 'string' ? [...samples, ...valuesOfType(field)] : [...valuesOfType(field), ...samples]),
    ...bounds,
    ...bounds.flatMap(besideBound),
  ];
}

function valuesOfType(field: Field): string[] {
  const { decimalChar = '.', groupChar, format = 'default' } = field;
  switch (field.type) {
    case 'string':
    case 'any':
      return textsOf(field);
    case 'integer':
      return [...(groupChar === undefined ? [] : [`1${groupChar}234`]), '10', '1', '100', '5', '0', '1000'];
    case 'number':
      return [
        ...(groupChar === undefined ? [] : [`1${groupChar}234${decimalChar}5`]),
        `12${decimalChar}5`,
        `0${decimalChar}5`,
        '1',
        '100',
        '0',
      ];
    case 'boolean':
      return [...(field.trueValues ?? ['true']), ...(field.falseValues ?? ['false'])];
    case 'date':
      return MOMENTS.map((moment) => (format === 'default' ? moment.slice(0, 10) : formatMoment(moment, format)));
    case 'time':
      return MOMENTS.map((moment) => (format === 'default' ? moment.slice(11) : formatMoment(moment, format)));
    case 'datetime':
      return MOMENTS.map((moment) => (format === 'default' ? `${moment}Z` : formatMoment(moment, format)));
    case 'year':
      return ['2025', '2000', '1990', '2030'];
    case 'yearmonth':
      return ['2025-01', '2000-02', '1990-05', '2030-12'];
    case 'duration':
      return ['P1D', 'PT1H30M'];
    case 'object':
      return ['{"key":"value"}'];
    case 'array':
      return ['["a","b"]'];
    default:
      return field.type satisfies never;
  }
}

/** A longer example would tell nobody anything, and a schema may ask for 2 GB. */
const MOST_CHARACTERS = 10_000;

function textsOf({ format = 'default', constraints = {}, name }: Field): string[] {
  const formats: Record<string, string> = {
    email: 'name@example.org',
    uri: 'https://example.org/page',
    uuid: '123e4567-e89b-12d3-a456-426614174000',
    binary: 'QUJD',
  };
  const fixed = formats[format];
  if (fixed !== undefined) return [fixed];
  const { minLength = 1, maxLength = Number.POSITIVE_INFINITY } = constraints;
  if (minLength > MOST_CHARACTERS) return [];
  const base = [`example ${name}`, 'example', 'text', 'A', '1'];
  return base.map((text) => text.padEnd(minLength, 'x').slice(0, maxLength));
}

/** A bound of a number that is not a value itself has values beside it. */
function besideBound(bound: string): string[] {
  if (!/^[+-]?[0-9]{1,15}([.,][0-9]+)?$/.test(bound)) return [];
  const number = Number(bound.replace(',', '.'));
  return [number + 1, number - 1, number + 0.5, number - 0.5].map(String);
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** Writes a moment by words of strptime. */
export function formatMoment(moment: string, format: string): string {
  const [year, month, day, hour, minute, second] = moment.split(/[-T:]/) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const month0 = MONTHS[Number(month) - 1]!;
  const hours = Number(hour);
  const words: Record<string, string> = {
    Y: year,
    y: year.slice(2),
    m: month,
    b: month0.slice(0, 3),
    B: month0,
    d: day,
    H: hour,
    I: String(hours % 12 || 12).padStart(2, '0'),
    p: hours < 12 ? 'AM' : 'PM',
    M: minute,
    S: second,
    f: '000',
    z: '+00:00',
    '%': '%',
  };
  return format.replace(/%(.)/g, (whole, letter: string) => words[letter] ?? whole);
}
