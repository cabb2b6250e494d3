/** Target columns from a valid record's fields, compiled once. */

import type { FieldCheck } from './check-field.ts';
import { compileExpression, type Expression, type ExpressionInput, type ExpressionValue } from './expression.ts';
import type { RecordSchemaSpec } from './record-schema.gen.ts';
import { SchemaError } from './schema-error.ts';
import { quoteJson } from './types.ts';

/** Values of a record's fields in the order of the schema; undefined where there is none. */
export type Values = readonly (string | undefined)[];

export interface RecordContext {
  uploadId: string;
  rowNumber: number;
}

/** PostgreSQL's input text of one column, or null. @throws Error when an expression does not apply. */
export type ColumnWriter = (values: Values, context: RecordContext) => string | null;

type Column = RecordSchemaSpec['target']['columns'][number];
type JsonProperty = NonNullable<Column['json']>[number];

export interface CompileContext {
  schema: RecordSchemaSpec;
  checks: FieldCheck[];
}

export function compileColumn(column: Column, path: string, context: CompileContext): ColumnWriter {
  if (column.field !== undefined) {
    const index = fieldIndex(context, column.field, `${path}.field`);
    const { type } = context.checks[index]!;
    return (values) => {
      const text = values[index];
      return text === undefined ? null : type.toSql(text);
    };
  }
  if (column.json) {
    const write = compileObject(buildTree(column.json, path), context);
    return (values) => write(values) ?? '{}';
  }
  return column.system === 'uploadId'
    ? (_values, { uploadId }) => uploadId
    : (_values, { rowNumber }) => String(rowNumber);
}

function fieldIndex({ schema }: CompileContext, name: string, path: string): number {
  const index = schema.fields.findIndex((field) => field.name === name);
  if (index === -1) throw new SchemaError(path, `there is no field ${name}`);
  return index;
}

/** A JSON text, or null when there is nothing to say. */
type JsonWriter = (values: Values) => string | null;
type Tree = Map<string, Tree | { property: JsonProperty; path: string }>;

function buildTree(properties: JsonProperty[], path: string): Tree {
  const root: Tree = new Map();
  for (const [i, property] of properties.entries()) {
    const names = property.path.split('.');
    const last = names.pop()!;
    let node = root;
    for (const name of names) {
      const child = node.get(name) ?? new Map();
      if (!(child instanceof Map)) throw new SchemaError(`${path}.json[${i}].path`, `${name} is a value already`);
      node.set(name, child);
      node = child;
    }
    if (node.has(last)) throw new SchemaError(`${path}.json[${i}].path`, `${property.path} is there twice`);
    node.set(last, { property, path: `${path}.json[${i}]` });
  }
  return root;
}

function compileObject(tree: Tree, context: CompileContext): JsonWriter {
  const members = [...tree].map(([name, node]) => ({
    prefix: `${JSON.stringify(name)}:`,
    write: node instanceof Map ? compileObject(node, context) : compileProperty(node.property, node.path, context),
  }));
  return (values) => {
    let text = '';
    for (const { prefix, write } of members) {
      const value = write(values);
      if (value !== null) text += (text === '' ? '{' : ',') + prefix + value;
    }
    return text === '' ? null : `${text}}`;
  };
}

function compileProperty({ field, value }: JsonProperty, path: string, context: CompileContext): JsonWriter {
  if (field !== undefined) {
    const index = fieldIndex(context, field, `${path}.field`);
    const { type } = context.checks[index]!;
    return (values) => {
      const text = values[index];
      return text === undefined ? null : type.toJson(text);
    };
  }
  const evaluate = compileValue(value!, `${path}.value`, context);
  return (values) => toJson(evaluate(values));
}

function compileValue(text: string, path: string, context: CompileContext): (values: Values) => ExpressionValue {
  const names = context.schema.fields.map(({ name }) => name);
  let expression: Expression;
  try {
    expression = compileExpression(text, names);
  } catch (error) {
    throw new SchemaError(path, `is not a CEL expression: ${(error as Error).message}`, error);
  }
  const inputs = names.map((name, index) => ({ name, index })).filter(({ name }) => expression.inputs.has(name));
  return (values) => {
    const input: ExpressionInput = {};
    for (const { name, index } of inputs) {
      const value = values[index];
      input[name] = value === undefined ? null : context.checks[index]!.type.toCel(value);
    }
    return expression.evaluate(input);
  };
}

function toJson(value: ExpressionValue): string | null {
  if (value === null || value === '') return null;
  if (typeof value === 'string') return quoteJson(value);
  return typeof value === 'number' && !Number.isFinite(value) ? null : String(value);
}
