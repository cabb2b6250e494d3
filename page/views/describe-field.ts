/** What a field of a schema wants, in words. Pure. */
import type { SchemaField } from '#page/api/types.ts';
import { formatList } from '#page/texts/format.ts';
import { type Language, text } from '#page/texts/text.ts';
import { compileFormat, type Kind } from '#runner/processor/strptime.ts';

/** Values of a list that are named one by one; the others are left to the file to fill in. */
const MOST_VALUES = 20;
const TRUE = ['true', '1'];
const FALSE = ['false', '0'];

/** @returns sentences: what kind of value, and its limits */
export function describeField(field: SchemaField, language: Language): string[] {
  return [describeType(field, language), ...describeLimits(field, language), ...describeNames(field, language)];
}

function describeType(field: SchemaField, language: Language): string {
  switch (field.type) {
    case 'string':
      return describeString(field.format, language);
    case 'number':
      return describeNumber(field, language);
    case 'boolean':
      return text(
        'type.boolean',
        { yes: orList(field.trueValues ?? TRUE, language), no: orList(field.falseValues ?? FALSE, language) },
        language,
      );
    case 'date':
    case 'time':
    case 'datetime':
      return text(`type.${field.type}`, { example: exampleOf(field.type, field.format) }, language);
    case 'object':
      return text('type.object', { example: '{"a": 1}' }, language);
    case 'integer':
      return withUnit(text('type.integer', {}, language), field, language);
    case 'year':
    case 'yearmonth':
    case 'duration':
    case 'array':
      return text(`type.${field.type}`, {}, language);
    default:
      return text('type.any', {}, language);
  }
}

function describeString(format: string | undefined, language: Language): string {
  switch (format) {
    case 'email':
    case 'uri':
    case 'uuid':
    case 'binary':
      return text(`type.${format}`, {}, language);
    default:
      return text('type.string', {}, language);
  }
}

function describeNumber(field: SchemaField, language: Language): string {
  const { decimalChar = '.', groupChar = '' } = field;
  return withUnit(text('type.number', { example: `1${groupChar}234${decimalChar}5` }, language), field, language);
}

const withUnit = (sentence: string, { bareNumber }: SchemaField, language: Language) =>
  bareNumber === false ? `${sentence} ${text('type.unit', {}, language)}` : sentence;

const ISO_EXAMPLES: Record<Kind, string> = { date: '2025-01-31', time: '14:05:09', datetime: '2025-01-31T14:05:09' };

function exampleOf(kind: Kind, format = 'default'): string {
  if (format === 'default' || format === 'any') return ISO_EXAMPLES[kind];
  try {
    return compileFormat(format, kind, '').example;
  } catch {
    // The schema has a mistake, which the view says above its fields.
    return format;
  }
}

function describeLimits({ constraints = {} }: SchemaField, language: Language): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength } = constraints;
  const values = constraints.enum;
  return [
    values === undefined ? null : text('limit.enum', { values: shortList(values, language) }, language),
    describeLength(minLength, maxLength, language),
    minimum === undefined ? null : text('limit.minimum', { value: minimum }, language),
    exclusiveMinimum === undefined ? null : text('limit.above', { value: exclusiveMinimum }, language),
    maximum === undefined ? null : text('limit.maximum', { value: maximum }, language),
    exclusiveMaximum === undefined ? null : text('limit.below', { value: exclusiveMaximum }, language),
  ].filter((sentence) => sentence !== null);
}

function describeLength(least: number | undefined, most: number | undefined, language: Language): string | null {
  if (least !== undefined && most !== undefined) {
    return least === most
      ? text('limit.length-exact', { count: least }, language)
      : text('limit.length-between', { least, most }, language);
  }
  if (least !== undefined) return text('limit.length-least', { count: least }, language);
  return most === undefined ? null : text('limit.length-most', { count: most }, language);
}

function describeNames({ missingValues = [], aliases = [] }: SchemaField, language: Language): string[] {
  return [
    ...(missingValues.length > 0
      ? [text('limit.missing', { values: shortList(missingValues, language) }, language)]
      : []),
    ...(aliases.length > 0 ? [text('limit.aliases', { names: orList(aliases, language) }, language)] : []),
  ];
}

const orList = (values: readonly string[], language: Language) => formatList(language, values, 'disjunction');

function shortList(values: readonly string[], language: Language): string {
  if (values.length <= MOST_VALUES) return orList(values, language);
  return `${values.slice(0, MOST_VALUES).join(', ')} …`;
}
