/** A field in plain words. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

type Field = RecordSchemaSpec['fields'][number];

const TYPES: Record<Field['type'], string> = {
  string: 'text',
  any: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  date: 'date',
  time: 'time',
  datetime: 'date and time',
  year: 'year',
  yearmonth: 'year and month',
  duration: 'duration (ISO 8601)',
  object: 'JSON object',
  array: 'JSON list',
};
const FORMATS: Record<string, string> = { email: 'email address', uri: 'URI', uuid: 'UUID', binary: 'base64 text' };
const ISO: Partial<Record<Field['type'], string>> = {
  date: 'YYYY-MM-DD',
  time: 'hh:mm:ss',
  datetime: 'YYYY-MM-DDThh:mm:ss, maybe with a zone',
  year: 'YYYY',
  yearmonth: 'YYYY-MM',
};

/** The result looks like `date (DD.MM.YYYY)`. */
export function describeType(field: Field): string {
  const { type, format = 'default', decimalChar, groupChar, bareNumber, trueValues, falseValues } = field;
  if (type === 'string') return FORMATS[format] ?? TYPES.string;
  if (type === 'boolean') {
    const list = (words: string[]) => words.join(' or ');
    return `${list(trueValues ?? ['true'])} / ${list(falseValues ?? ['false'])}`;
  }
  const form = format === 'default' ? ISO[type] : spellFormat(format);
  const notes = [
    ...(form ? [form] : []),
    ...(decimalChar === undefined ? [] : [`decimal sign ${decimalChar}`]),
    ...(groupChar === undefined
      ? []
      : [groupChar === ' ' ? 'spaces between thousands' : `${groupChar} between thousands`]),
    ...(bareNumber === false ? ['a unit may stand beside it'] : []),
  ];
  return notes.length === 0 ? TYPES[type] : `${TYPES[type]} (${notes.join(', ')})`;
}

const WORDS: Record<string, string> = {
  Y: 'YYYY',
  y: 'YY',
  m: 'MM',
  b: 'Mon',
  B: 'Month',
  d: 'DD',
  H: 'hh',
  I: 'hh',
  M: 'mm',
  S: 'ss',
  f: 'fraction',
  p: 'AM/PM',
  z: 'zone',
  '%': '%',
};

/** `%d.%m.%Y` as `DD.MM.YYYY`. */
export function spellFormat(format: string): string {
  return format.replace(/%(.)/g, (whole, letter: string) => WORDS[letter] ?? whole);
}

/** The result lists the constraints that values must meet beside their type. */
export function describeLimits({ constraints = {} }: Field): string[] {
  const { minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, pattern } = constraints;
  const limits: string[] = [];
  if (constraints.enum) limits.push(`one of ${constraints.enum.map((value) => `\`${value}\``).join(', ')}`);
  if (minLength !== undefined && minLength === maxLength) limits.push(`exactly ${minLength} characters`);
  else {
    if (minLength !== undefined) limits.push(`at least ${minLength} characters`);
    if (maxLength !== undefined) limits.push(`at most ${maxLength} characters`);
  }
  if (minimum !== undefined) limits.push(`${minimum} or more`);
  if (exclusiveMinimum !== undefined) limits.push(`more than ${exclusiveMinimum}`);
  if (maximum !== undefined) limits.push(`${maximum} or less`);
  if (exclusiveMaximum !== undefined) limits.push(`less than ${exclusiveMaximum}`);
  if (pattern !== undefined) limits.push(`matches \`${pattern}\``);
  return limits;
}
