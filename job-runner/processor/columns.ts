/** Target columns from a valid record's fields, compiled once. */

import type { ExpressionValue } from './expression.ts';
import { type CompileContext, compileFieldExpression } from './field-expression.ts';
import { BYTES, type FieldValues, MISSING, TEXT } from './field-values.ts';
import { quoteJson } from './json.ts';
import { integerToJson } from './numbers.ts';
import type { RecordSchemaSpec } from './record-schema.gen.ts';
import type { RowBuffer } from './row-buffer.ts';
import { SchemaError } from './schema-error.ts';

export interface RecordContext {
  uploadId: string;
  rowNumber: number;
}

/** Writes one column's value, or NULL. @throws Error when an expression does not apply. */
export type ColumnWriter = (values: FieldValues, out: RowBuffer, context: RecordContext) => void;

type Column = RecordSchemaSpec['target']['columns'][number];
type JsonProperty = NonNullable<Column['json']>[number];

export function compileColumn(column: Column, path: string, context: CompileContext): ColumnWriter {
  if (column.field !== undefined) return compileField(fieldIndex(context, column.field, `${path}.field`));
  if (column.json) {
    const write = compileObject(buildTree(column.json, path), context);
    return (values, out) => {
      if (!write(values, out)) out.raw(EMPTY_OBJECT);
    };
  }
  if (column.value !== undefined) {
    const { evaluate } = compileFieldExpression(column.value, `${path}.value`, context);
    return (values, out) => {
      const value = evaluate(values);
      if (isNothing(value)) out.null();
      else out.text(String(value));
    };
  }
  return column.system === 'uploadId'
    ? (_values, out, { uploadId }) => out.ascii(uploadId)
    : (_values, out, { rowNumber }) => out.ascii(String(rowNumber));
}

function compileField(index: number): ColumnWriter {
  return (values, out) => {
    const kind = values.kinds[index];
    if (kind === MISSING) out.null();
    else if (kind === TEXT) out.text(values.texts[index]!);
    else {
      const { record, positions } = values;
      const position = positions[index]!;
      out.copy(record.bytes, record.starts[position]!, record.ends[position]!);
    }
  };
}

function fieldIndex({ schema }: CompileContext, name: string, path: string): number {
  const index = schema.fields.findIndex((field) => field.name === name);
  if (index === -1) throw new SchemaError(path, `there is no field ${name}`);
  return index;
}

/** Writes a JSON value; false, and nothing written, where there is nothing to say. */
type JsonWriter = (values: FieldValues, out: RowBuffer) => boolean;
type Tree = Map<string, Tree | { property: JsonProperty; path: string }>;

const EMPTY_OBJECT = Buffer.from('{}');
const OPEN = Buffer.from('{');
const CLOSE = Buffer.from('}');
const COMMA = Buffer.from(',');
const QUOTE = Buffer.from('"');

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
    // As COPY wants it: a name may hold what JSON escapes.
    name: Buffer.from(`${JSON.stringify(name)}:`.replaceAll('\\', '\\\\')),
    write: node instanceof Map ? compileObject(node, context) : compileProperty(node.property, node.path, context),
  }));
  return (values, out) => {
    let empty = true;
    for (const { name, write } of members) {
      const before = out.length;
      out.raw(empty ? OPEN : COMMA);
      out.raw(name);
      if (write(values, out)) empty = false;
      else out.length = before;
    }
    if (!empty) out.raw(CLOSE);
    return !empty;
  };
}

function compileProperty({ field, value }: JsonProperty, path: string, context: CompileContext): JsonWriter {
  if (field !== undefined) return compileJsonField(fieldIndex(context, field, `${path}.field`), context);
  const { evaluate } = compileFieldExpression(value!, `${path}.value`, context);
  return (values, out) => {
    const json = toJson(evaluate(values));
    if (json === null) return false;
    out.text(json);
    return true;
  };
}

const ONE = 0x31;
const NINE = 0x39;

function compileJsonField(index: number, { checks }: CompileContext): JsonWriter {
  const { toJson } = checks[index]!.type;
  const isText = toJson === quoteJson;
  const isInteger = toJson === integerToJson;
  return (values, out) => {
    const kind = values.kinds[index];
    if (kind === MISSING) return false;
    const { record, positions } = values;
    const start = record.starts[positions[index]!]!;
    const end = record.ends[positions[index]!]!;
    if (kind === BYTES && isText) {
      out.raw(QUOTE);
      out.json(record.bytes, start, end);
      out.raw(QUOTE);
    } else if (kind === BYTES && isInteger && record.bytes[start]! >= ONE && record.bytes[start]! <= NINE) {
      // Without a sign or leading zeros it is the same in JSON.
      out.copy(record.bytes, start, end);
    } else out.text(toJson(values.text(index)!));
    return true;
  };
}

function toJson(value: ExpressionValue): string | null {
  if (isNothing(value)) return null;
  return typeof value === 'string' ? quoteJson(value) : String(value);
}

/** Empty text is no value, as in a file; what is not finite is none that JSON or every column of numbers has. */
function isNothing(value: ExpressionValue): boolean {
  return value === null || value === '' || (typeof value === 'number' && !Number.isFinite(value));
}
