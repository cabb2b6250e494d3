/** Writes the target's columns from a valid record's fields; compiled once. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { type ColumnType, ENCODERS, type Encoder, type Encoding, uuidBytes } from './column-encoding.ts';
import { encodeFitting, expectKept, type Fit, fitOf, fitOfMember } from './column-fit.ts';
import { type CopyFormat, escapeJsonPart } from './escapes.ts';
import type { ExpressionValue } from './expression.ts';
import { type CompileContext, compileFieldExpression } from './field-expression.ts';
import { BYTES, type FieldValues, MISSING, TEXT } from './field-values.ts';
import { quoteJson } from './json.ts';
import { integerToJson } from './numbers.ts';
import type { RowBuffer } from './row-buffer.ts';
import { SchemaError } from './schema-error.ts';
import { createUuidGenerator } from './uuid.ts';

export interface RecordContext {
  uploadId: string;
  rowNumber: number;
}

/** Writes one column. @throws OutOfRange, ValueAltered, or Error when an expression does not apply. */
export interface ColumnWriter {
  (values: FieldValues, out: RowBuffer, context: RecordContext): void;
  /** Tells the kernel what the writer writes. Absent: the kernel calls the writer. */
  readonly form?: ColumnForm;
}

/** `field` is the index of a field, whose value is bytes. */
export type ColumnForm =
  | { kind: 'text' | 'int2' | 'int4' | 'int8' | 'date'; field: number }
  /** A text whose column cuts blanks behind `most` characters: a longer text that ends with a blank is not written. */
  | { kind: 'shortText'; field: number; most: number }
  | { kind: 'uploadId' }
  | { kind: 'rowNumber'; encoding: 'int2' | 'int4' | 'int8' }
  | { kind: 'json'; opening: Uint8Array; members: readonly MemberWriter[] };

type Column = RecordSchemaSpec['target']['columns'][number];
type JsonProperty = NonNullable<Column['json']>[number];

/**
 * @param encoding the column's encoding in the binary format; null for the text format
 * @param type the column's type; null when it is not known: nothing then tells what the column has no room for
 */
export function compileColumn(
  column: Column,
  path: string,
  context: CompileContext,
  { encoding, type }: { encoding: Encoding | null; type: ColumnType | null },
): ColumnWriter {
  if (column.field !== undefined) {
    const index = fieldIndex(context, column.field, `${path}.field`);
    const { fields, primaryKey } = context.schema;
    const fit = type && fitOf(fields[index]!.type, type, { isKey: primaryKey?.includes(column.field) ?? false });
    return compileField(index, encoding, fit && { fit, column: column.name });
  }
  if (column.json)
    return compileJson(buildTree(column.json, path), { ...context, column: column.name, type }, encoding);
  if (column.value !== undefined) {
    const { evaluate } = compileFieldExpression(column.value, `${path}.value`, context);
    return (values, out) => {
      const value = evaluate(values);
      if (isNothing(value)) out.nullColumn();
      else writeText(out, String(value));
    };
  }
  return compileSystemValue(column.system!, encoding);
}

function columnWriter(form: ColumnForm, write: ColumnWriter): ColumnWriter {
  return Object.assign(write, { form });
}

function compileJson(tree: Tree, context: Omit<JsonContext, 'format'>, encoding: Encoding | null): ColumnWriter {
  const members = compileMembers(tree, { ...context, format: encoding === null ? 'text' : 'binary' });
  const opening = encoding === 'jsonb' ? JSONB_VERSION : NOTHING;
  return columnWriter({ kind: 'json', opening, members }, (values, out) => {
    out.startColumn();
    out.raw(opening);
    if (!writeObject(members, values, out)) out.raw(EMPTY_OBJECT);
    out.endColumn();
  });
}

function writeText(out: RowBuffer, text: string): void {
  out.startColumn();
  out.text(text);
  out.endColumn();
}

function compileSystemValue(system: NonNullable<Column['system']>, encoding: Encoding | null): ColumnWriter {
  switch (system) {
    case 'uploadId':
      return encoding === 'uuid' ? compileUploadId() : (_values, out, { uploadId }) => writeText(out, uploadId);
    case 'rowNumber':
      return compileRowNumber(encoding);
    case 'uuid': {
      const uuids = createUuidGenerator();
      return (_values, out) => {
        out.startColumn();
        if (encoding === 'uuid') out.raw(uuids.next());
        else out.uuid(uuids.next());
        out.endColumn();
      };
    }
    default:
      throw new Error(system satisfies never);
  }
}

/** All rows have the same upload id, so its text is parsed once: parsing takes a tenth of a record's time. */
function compileUploadId(): ColumnWriter {
  let known = '';
  let bytes: Buffer = Buffer.alloc(0);
  return columnWriter({ kind: 'uploadId' }, (_values, out, { uploadId }) => {
    if (uploadId !== known) {
      known = uploadId;
      bytes = uuidBytes(uploadId);
    }
    out.copyColumn(bytes, 0, bytes.length);
  });
}

function compileRowNumber(encoding: Encoding | null): ColumnWriter {
  if (encoding === null || encoding === 'text' || encoding === 'jsonb')
    return (_values, out, { rowNumber }) => writeText(out, String(rowNumber));
  const encode = ENCODERS[encoding];
  const digits = Buffer.alloc(MOST_DIGITS);
  const write: ColumnWriter = (_values, out, { rowNumber }) => encode(digits, 0, digits.write(String(rowNumber)), out);
  return isWholeNumber(encoding) ? columnWriter({ kind: 'rowNumber', encoding }, write) : write;
}

/** A whole number in a double has at most this many digits. */
const MOST_DIGITS = 16;
const JSONB_VERSION = Uint8Array.of(1);
const NOTHING = Uint8Array.of();

function fieldEncoder(encoding: Encoding | null): Encoder {
  return encoding === null || encoding === 'text' ? copyColumn : encoding === 'jsonb' ? copyJsonb : ENCODERS[encoding];
}

/** @param fitting null when the column keeps every value of the field */
function compileField(
  index: number,
  encoding: Encoding | null,
  fitting: { fit: Fit; column: string } | null,
): ColumnWriter {
  const plain = fieldEncoder(encoding);
  const encode = fitting ? encodeFitting(plain, fitting.fit, fitting.column) : plain;
  const write: ColumnWriter = (values, out) => {
    const kind = values.kinds[index];
    if (kind === MISSING) out.nullColumn();
    else if (kind === TEXT) {
      const bytes = Buffer.from(values.texts[index]!);
      encode(bytes, 0, bytes.length, out);
    } else {
      const { record, positions } = values;
      const position = positions[index]!;
      encode(record.bytes, record.starts[position]!, record.ends[position]!, out);
    }
  };
  const most = fitting?.fit.mostCharacters;
  if (most !== undefined && encoding === 'text') return columnWriter({ kind: 'shortText', field: index, most }, write);
  if (!fitting && (encoding === 'text' || encoding === 'date' || isWholeNumber(encoding)))
    return columnWriter({ kind: encoding, field: index }, write);
  return write;
}

function isWholeNumber(encoding: Encoding | null): encoding is 'int2' | 'int4' | 'int8' {
  return encoding === 'int2' || encoding === 'int4' || encoding === 'int8';
}

const copyColumn: Encoder = (bytes, start, end, out) => out.copyColumn(bytes, start, end);

const copyJsonb: Encoder = (bytes, start, end, out) => {
  out.startColumn();
  out.raw(JSONB_VERSION);
  out.raw(bytes, start, end);
  out.endColumn();
};

function fieldIndex({ schema }: CompileContext, name: string, path: string): number {
  const index = schema.fields.findIndex((field) => field.name === name);
  if (index === -1) throw new SchemaError(path, `there is no field ${name}`);
  return index;
}

/**
 * Writes a member of a JSON object with its name, after the object's brace or a comma.
 * @returns false, with nothing written, for a member without a value
 */
export interface MemberWriter {
  (values: FieldValues, out: RowBuffer, isFirst: boolean): boolean;
  /** Tells the kernel what the writer writes. Absent: the kernel calls the writer. */
  readonly form?: MemberForm;
}

export type MemberForm =
  | { kind: 'text' | 'integer'; field: number; prefixes: Prefixes }
  | { kind: 'object'; prefixes: Prefixes; members: readonly MemberWriter[] };

/** The bytes before a member's value, for the first member of an object and for the next ones. */
interface Prefixes {
  first: Uint8Array;
  next: Uint8Array;
}

function memberWriter(form: MemberForm, write: MemberWriter): MemberWriter {
  return Object.assign(write, { form });
}

type Tree = Map<string, Tree | { property: JsonProperty; path: string }>;

const EMPTY_OBJECT = Buffer.from('{}');
const CLOSE = Buffer.from('}');
const QUOTE = Buffer.from('"');

interface JsonContext extends CompileContext {
  format: CopyFormat;
  column: string;
  /** The column's type; null when it is not known. */
  type: ColumnType | null;
}

function prefixesOf(name: string, opening: string, { format }: Pick<JsonContext, 'format'>): Prefixes {
  // A name may hold characters that JSON escapes.
  const text = `${escapeJsonPart(JSON.stringify(name), format)}:${opening}`;
  return { first: Buffer.from(`{${text}`), next: Buffer.from(`,${text}`) };
}

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

function compileMembers(tree: Tree, context: JsonContext): MemberWriter[] {
  return [...tree].map(([name, node]) =>
    node instanceof Map ? compileNested(name, node, context) : compileProperty(name, node, context),
  );
}

/** Writes an object without a name. @returns false, with nothing written, for an object that would be empty */
function writeObject(members: readonly MemberWriter[], values: FieldValues, out: RowBuffer): boolean {
  let isFirst = true;
  for (const write of members) if (write(values, out, isFirst)) isFirst = false;
  if (!isFirst) out.raw(CLOSE);
  return !isFirst;
}

function compileNested(name: string, tree: Tree, context: JsonContext): MemberWriter {
  const prefixes = prefixesOf(name, '', context);
  const members = compileMembers(tree, context);
  return memberWriter({ kind: 'object', prefixes, members }, (values, out, isFirst) => {
    const before = out.length;
    out.raw(isFirst ? prefixes.first : prefixes.next);
    if (writeObject(members, values, out)) return true;
    out.length = before;
    return false;
  });
}

function compileProperty(
  name: string,
  { property: { field, value }, path }: { property: JsonProperty; path: string },
  context: JsonContext,
): MemberWriter {
  if (field !== undefined) return compileMember(name, fieldIndex(context, field, `${path}.field`), context);
  const { first, next } = prefixesOf(name, '', context);
  const { evaluate } = compileFieldExpression(value!, `${path}.value`, context);
  return (values, out, isFirst) => {
    const json = toJson(evaluate(values));
    if (json === null) return false;
    out.raw(isFirst ? first : next);
    out.text(json);
    return true;
  };
}

const ONE = 0x31;
const NINE = 0x39;

function compileMember(name: string, index: number, context: JsonContext): MemberWriter {
  const { toJson } = context.checks[index]!.type;
  const isText = toJson === quoteJson;
  const isInteger = toJson === integerToJson;
  const plain = prefixesOf(name, '', context);
  const quoted = prefixesOf(name, '"', context);
  const fit = context.type && fitOfMember(context.schema.fields[index]!.type, context.type);
  const write: MemberWriter = (values, out, isFirst) => {
    const kind = values.kinds[index];
    if (kind === MISSING) return false;
    const { record, positions } = values;
    const start = record.starts[positions[index]!]!;
    const end = record.ends[positions[index]!]!;
    if (kind === BYTES && isText) {
      out.raw(isFirst ? quoted.first : quoted.next);
      out.json(record.bytes, start, end);
      out.raw(QUOTE);
      return true;
    }
    if (fit) expectKept(fit, values.text(index)!, context.column);
    out.raw(isFirst ? plain.first : plain.next);
    // An integer without a sign or leading zeros is the same in JSON.
    if (kind === BYTES && isInteger && record.bytes[start]! >= ONE && record.bytes[start]! <= NINE)
      out.raw(record.bytes, start, end);
    else out.text(toJson(values.text(index)!));
    return true;
  };
  if (isText) return memberWriter({ kind: 'text', field: index, prefixes: quoted }, write);
  return isInteger ? memberWriter({ kind: 'integer', field: index, prefixes: plain }, write) : write;
}

function toJson(value: ExpressionValue): string | null {
  if (isNothing(value)) return null;
  return typeof value === 'string' ? quoteJson(value) : String(value);
}

/** An empty text is no value, as in a file; JSON and many columns of numbers have no number that is not finite. */
function isNothing(value: ExpressionValue): boolean {
  return value === null || value === '' || (typeof value === 'number' && !Number.isFinite(value));
}
