/** Checks one record by the rules of its schema, whatever the file's format. Pure; compiled once per schema. */
import type { FileSchema } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { visibleName } from '#api/visible-name.ts';
import { matchHeader } from '#runner/csv/header.ts';
import { RecordView } from '#runner/csv/record-reader.ts';
import { type IsUtf8, isUtf8Portable } from '#runner/csv/utf8.ts';
import { mayBeBlank } from './byte-tests.ts';
import { compileField, type FieldCheck } from './check-field.ts';
import { type ColumnType, type Encoding, OutOfRange } from './column-encoding.ts';
import { ValueAltered } from './column-fit.ts';
import { type ColumnWriter, compileColumn, type RecordContext } from './columns.ts';
import { TooManySteps } from './expression-steps.ts';
import {
  CODES,
  fieldCountFault,
  fieldTextFault,
  outOfRangeFault,
  sortFaults,
  stepsFault,
  valueAlteredFault,
} from './faults.ts';
import { BYTES, FieldValues, INVALID, MISSING, TEXT } from './field-values.ts';
import type { RecordFault } from './record-fault.ts';
import type { RowBuffer } from './row-buffer.ts';
import { compileRule, type RuleCheck } from './rules.ts';
import { SchemaError } from './schema-error.ts';

export interface RecordProcessor {
  /**
   * Checks the record of the view, which is not malformed, and writes the row of a valid record to `out`.
   * @param isText true when the record's bytes are known to be UTF-8 without NUL; else the bytes of every field that
   * the schema reads are checked, and one field that is not text fails the record.
   * @returns all faults of the record, the record's code first; null for a valid record.
   */
  process(out: RowBuffer, context: RecordContext, isText: boolean): RecordFault[] | null;
  /**
   * Masks the values of sensitive fields, so that people may see the record. All values are masked when their fields
   * are unknown, because the number of fields is wrong or `malformed` quoting moved them.
   */
  mask(fields: readonly string[], malformed?: boolean): string[];
  /** The compiled parts, for the kernel. */
  parts: {
    /** The number of fields of a record. */
    columns: number;
    positions: readonly number[];
    checks: readonly FieldCheck[];
    rules: readonly RuleCheck[];
    writers: readonly ColumnWriter[];
  };
}

const MASK = '***';

export interface CompileOptions {
  /** The view of the records that are processed. */
  record?: RecordView;
  /** The encodings of the target's columns for rows in the binary format; null for the text format. */
  encodings?: readonly Encoding[] | null;
  /** Do the fields' quotes tell typed values from texts? */
  typedValues?: boolean;
  /** The types of the target's columns, of a domain the type below it; null when they are not known. */
  baseTypes?: readonly ColumnType[] | null;
  /** Node's own test is faster than the default, which runs on every machine. */
  isUtf8?: IsUtf8;
}

/**
 * Compiles a schema for the records of a view, from a file with this header (null: as if the file had the schema's
 * own).
 * @throws SchemaError
 */
export function compileSchema(
  schema: FileSchema,
  header: readonly string[] | null,
  {
    record = new RecordView(),
    encodings = null,
    baseTypes = null,
    typedValues = false,
    isUtf8 = isUtf8Portable,
  }: CompileOptions = {},
): RecordProcessor {
  requireDistinctNames(schema);
  const match = matchHeader(header ?? schema.fields.map(({ name }) => name), schema);
  if (!match.ok) throw new SchemaError('spec.fields', match.message);
  const { positions, columns } = match.match;
  const checks = schema.fields.map((field, i) =>
    compileField(field, {
      path: `spec.fields[${i}]`,
      required: (field.constraints?.required || schema.primaryKey?.includes(field.name)) ?? false,
      missingValues: schema.missingValues ?? [],
      typedValues,
    }),
  );
  requireKeyColumns(schema);
  const writers: ColumnWriter[] = schema.target.columns.map((column, i) =>
    compileColumn(
      column,
      `spec.target.columns[${i}]`,
      { schema, checks },
      {
        encoding: encodings?.[i] ?? null,
        type: baseTypes?.[i] ?? null,
      },
    ),
  );
  const rules = (schema.rules ?? []).map((rule, i) => compileRule(rule, `spec.rules[${i}]`, { schema, checks }));
  const sensitive = new Set(
    schema.fields.flatMap((field, i) => (field.sensitive && positions[i] !== -1 ? [positions[i]!] : [])),
  );
  const values = new FieldValues(record, positions);
  const isClean = (bytes: Buffer) => isCleanText(bytes, isUtf8);

  function process(out: RowBuffer, context: RecordContext, isText: boolean): RecordFault[] | null {
    if (record.count !== columns && !hasOnlyBlanksBehind(record, columns))
      return [fieldCountFault(columns, record.count)];
    const faults = checkFields(values, checks, isText ? null : isClean);
    const all = checkRules(values, rules, faults);
    return all.length > 0 ? sortFaults(all) : writeRow(out, context);
  }

  function writeRow(out: RowBuffer, context: RecordContext): RecordFault[] | null {
    const before = out.length;
    out.startRow(writers.length);
    let i = 0;
    try {
      for (; i < writers.length; i += 1) writers[i]!(values, out, context);
    } catch (error) {
      out.length = before;
      if (error instanceof ValueAltered) return [valueAlteredFault(error.message)];
      const column = schema.target.columns[i]!.name;
      if (error instanceof OutOfRange) return [outOfRangeFault(column)];
      if (error instanceof TooManySteps) return [stepsFault(`The expression of column ${column}`)];
      const message = `The expression of column ${column} cannot be computed from this record`;
      return [{ code: CODES.type, field: null, message }];
    }
    out.endRow(context.rowNumber);
    return null;
  }

  return {
    process,
    mask(fields, malformed = false) {
      const misaligned = fields.length < columns || fields.slice(columns).some((text) => text.trim() !== '');
      const all = sensitive.size > 0 && (malformed || misaligned);
      return fields.map((text, i) => ((all || sensitive.has(i)) && text !== '' ? MASK : text));
    },
    parts: { columns, positions, checks, rules, writers },
  };
}

const NO_FAULTS: RecordFault[] = [];
const QUOTE = 0x22;

/**
 * The bytes of nearly every field say that the field is valid; the text is made only where they do not.
 * @param isClean tests the bytes of a field; null where all bytes of the record are known to be text
 */
function checkFields(
  values: FieldValues,
  checks: readonly FieldCheck[],
  isClean: ((bytes: Buffer) => boolean) | null,
): RecordFault[] {
  const { record, kinds, texts, positions } = values;
  const { bytes, starts, ends, escaped } = record;
  let faults = NO_FAULTS;
  for (let i = 0; i < checks.length; i += 1) {
    const check = checks[i]!;
    const position = positions[i]!;
    const start = position === -1 ? 0 : starts[position]!;
    const end = position === -1 ? 0 : ends[position]!;
    if (start === end) {
      kinds[i] = MISSING;
      if (!check.required) continue;
    } else if (isClean !== null && !isClean(bytes.subarray(start, end))) {
      if (faults === NO_FAULTS) faults = [];
      faults.push(fieldTextFault(check.name));
      kinds[i] = INVALID;
      continue;
    } else if (escaped[position] === 0 && !mayBeBlank(bytes[start]!) && check.acceptsBytes(bytes, start, end)) {
      kinds[i] = BYTES;
      continue;
    }
    const reader = check.typed !== null && bytes[start - 1] !== QUOTE ? check.typed : check;
    const text = reader.present(position === -1 ? undefined : record.text(position));
    if (faults === NO_FAULTS) faults = [];
    const known = faults.length;
    const value = reader.read(text, faults);
    if (faults.length > known) kinds[i] = INVALID;
    else if (value === undefined) kinds[i] = MISSING;
    else {
      kinds[i] = escaped[position] === 0 && value === text ? BYTES : TEXT;
      texts[i] = value;
    }
  }
  return faults;
}

/** Adds the faults of the rules behind those of the fields. */
function checkRules(values: FieldValues, rules: readonly RuleCheck[], faults: RecordFault[]): RecordFault[] {
  let all = faults;
  for (const check of rules) {
    const fault = check(values);
    if (fault !== null) all = [...all, fault];
  }
  return all;
}

/** Does PostgreSQL take the bytes as text? */
export function isCleanText(bytes: Buffer, isUtf8: IsUtf8 = isUtf8Portable): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

/** Spreadsheets write blank fields behind the last column; a record may have them. */
function hasOnlyBlanksBehind(record: RecordView, columns: number): boolean {
  if (record.count < columns) return false;
  for (let i = columns; i < record.count; i += 1) if (record.text(i).trim() !== '') return false;
  return true;
}

function requireKeyColumns(schema: RecordSchemaSpec): void {
  const { primaryKey = [], target } = schema;
  if (primaryKey.length === 0 && target.onDuplicate !== undefined && target.onDuplicate !== 'Skip') {
    throw new SchemaError(
      'spec.target.onDuplicate',
      `is ${target.onDuplicate}, but without primaryKey no record is a duplicate, and every record is appended: name the fields that make a record unique in spec.primaryKey, or remove onDuplicate`,
    );
  }
  for (const name of primaryKey) {
    if (!target.columns.some((column) => column.field === name)) {
      throw new SchemaError('spec.target.columns', `no column gets the key field ${name}`);
    }
  }
}

/** A column must belong to one field, so no two fields have a name or alias that looks the same. */
function requireDistinctNames(schema: RecordSchemaSpec): void {
  const owners = new Map<string, number>();
  for (const [i, { name, aliases = [] }] of schema.fields.entries()) {
    for (const text of [name, ...aliases]) {
      const path = `spec.fields[${i}].${text === name ? 'name' : 'aliases'}`;
      const seen = visibleName(text);
      if (seen === '') throw new SchemaError(path, 'has no character that can be seen');
      const owner = owners.get(seen);
      if (owner !== undefined && owner !== i)
        throw new SchemaError(path, `in a header ${text} could also be the field ${schema.fields[owner]!.name}`);
      owners.set(seen, i);
    }
  }
}
