import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { compileSchema } from './process-record.ts';
import { SchemaError } from './schema-error.ts';

/** More than a person reads at once. */
const MOST_FAULTS = 50;

/**
 * Finds everything that keeps a schema from being compiled, in the order of the compiler; empty for a sound schema. The
 * compiler stops at the first fault: the part of the schema that has the fault is replaced by one that has none, and the
 * schema is compiled again, until nothing is wrong or the part is not one that can be replaced.
 */
export function findSchemaFaults(schema: RecordSchemaSpec): SchemaError[] {
  const faults = findUnstorableTexts(schema, 'spec').slice(0, MOST_FAULTS);
  if (faults.length > 0) return faults;
  const rest = structuredClone(schema);
  while (faults.length < MOST_FAULTS) {
    try {
      compileSchema(rest, null);
      return faults;
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      faults.push(error);
      if (!replacePart(rest, error.path)) return faults;
    }
  }
  return faults;
}

/** The ledger keeps the whole schema. */
function findUnstorableTexts(part: unknown, path: string): SchemaError[] {
  if (typeof part === 'string') {
    if (!part.includes('\0')) return [];
    return [
      new SchemaError(path, 'the text has the character U+0000, which PostgreSQL stores in no text: leave it out'),
    ];
  }
  if (Array.isArray(part)) return part.flatMap((each, index) => findUnstorableTexts(each, `${path}[${index}]`));
  if (part === null || typeof part !== 'object') return [];
  return Object.entries(part).flatMap(([name, each]) => findUnstorableTexts(each, `${path}.${name}`));
}

/** @returns false for a part that cannot be replaced */
function replacePart(schema: RecordSchemaSpec, path: string): boolean {
  const { fields, rules = [], target } = schema;
  const [, list, position, rest = ''] = /^spec\.(fields|rules|target\.columns)\[(\d+)\](.*)$/.exec(path) ?? [];
  const index = Number(position);
  switch (list) {
    case 'fields': {
      const field = fields[index]!;
      if (rest === '.aliases') delete field.aliases;
      else if (rest === '.name') renameField(schema, index);
      else fields[index] = { name: field.name, type: 'string' };
      return true;
    }
    case 'rules':
      rules[index]!.rule = 'true';
      return true;
    case 'target.columns': {
      const { name, field } = target.columns[index]!;
      target.columns[index] = { name, value: "''" };
      if (field !== undefined && schema.primaryKey?.includes(field)) replaceKey(schema);
      return true;
    }
    default:
      return replaceKey(schema);
  }
}

/** The key and the columns that name the field follow the new name, so that it makes no fault of its own. */
function renameField({ fields, primaryKey, target }: RecordSchemaSpec, index: number): void {
  const before = fields[index]!.name;
  const name = `${before} ${index} of the fields`;
  fields[index]!.name = name;
  if (fields.some((field) => field.name === before)) return;
  for (const column of target.columns) {
    for (const source of [column, ...(column.json ?? [])]) if (source.field === before) source.field = name;
  }
  const inKey = primaryKey?.indexOf(before) ?? -1;
  if (inKey !== -1) primaryKey![inKey] = name;
}

/** The other faults are those of the key. @returns false when the schema has no key that could be at fault */
function replaceKey(schema: RecordSchemaSpec): boolean {
  const { target } = schema;
  if (schema.primaryKey === undefined && (target.onDuplicate ?? 'Skip') === 'Skip') return false;
  delete schema.primaryKey;
  target.onDuplicate = 'Skip';
  return true;
}
