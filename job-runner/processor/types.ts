/** The types and formats of the Table Schema v2. Source: https://datapackage.org/standard/table-schema/ */
import { DATE, DATETIME, DURATION, TIME, YEAR, YEARMONTH } from './dates.ts';
import { CODES } from './faults.ts';
import { ARRAY, OBJECT } from './json.ts';
import { integerType, numberType } from './numbers.ts';
import { SchemaError } from './schema-error.ts';
import { BINARY, EMAIL, STRING, URI, UUID } from './strings.ts';
import { compileFormat } from './strptime.ts';
import { type Field, identity, type ValueType } from './value-type.ts';

/** @throws SchemaError */
export function typeOf(field: Field, path: string): ValueType {
  switch (field.type) {
    case 'string':
      return stringType(field.format ?? 'default', path);
    case 'integer':
      return integerType(field);
    case 'number':
      return numberType(field);
    case 'boolean':
      return booleanType(field, path);
    case 'date':
    case 'time':
    case 'datetime':
      return momentType(field.type, field.format ?? 'default', path);
    default:
      return OTHERS[field.type];
  }
}

const OTHERS = { any: STRING, year: YEAR, yearmonth: YEARMONTH, duration: DURATION, object: OBJECT, array: ARRAY };

const STRINGS = new Map(Object.entries({ default: STRING, email: EMAIL, uri: URI, uuid: UUID, binary: BINARY }));

function stringType(format: string, path: string): ValueType {
  const type = STRINGS.get(format);
  if (!type) throw new SchemaError(`${path}.format`, `must be one of: ${[...STRINGS.keys()].join(', ')}`);
  return type;
}

const MOMENTS = { date: DATE, time: TIME, datetime: DATETIME };
const SUCH_AS = { date: 'a date that exists,', time: 'a time', datetime: 'a date and time' };

function momentType(kind: keyof typeof MOMENTS, format: string, path: string): ValueType {
  const type = MOMENTS[kind];
  if (format === 'default') return type;
  const { read, write, example } = compileFormat(format, kind, `${path}.format`);
  return { ...type, expectation: `${SUCH_AS[kind]} such as ${example}`, read, write, isValidBytes: null };
}

const TRUE = ['true', 'True', 'TRUE', '1'];
const FALSE = ['false', 'False', 'FALSE', '0'];

function booleanType(field: Field, path: string): ValueType {
  const yes = new Set(field.trueValues ?? TRUE);
  const no = new Set(field.falseValues ?? FALSE);
  for (const text of yes)
    if (no.has(text)) throw new SchemaError(path, `${text} is in trueValues and in falseValues (default: ${FALSE})`);
  const own = field.trueValues ?? field.falseValues;
  const list = (texts: Set<string>) => [...texts].join(', ');
  return {
    code: CODES.type,
    expectation: own ? `true (${list(yes)}) or false (${list(no)})` : 'true or false',
    read: (text) => (yes.has(text) ? 'true' : no.has(text) ? 'false' : undefined),
    write: (value) => [...(value === 'true' ? yes : no)][0],
    isValidBytes: null,
    toJson: identity,
    toCel: (value) => value === 'true',
  };
}
