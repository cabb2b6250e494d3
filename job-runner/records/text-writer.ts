/**
 * Writes the typed values of a record as texts, for a file of texts that people correct and load by the same schema:
 * there the number 1.234 of a workbook must not be read as 1234.
 */
import type { FileSchema } from '#api/file-schema.ts';
import { matchHeader } from '#runner/csv/header.ts';
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { unquotedKind } from '#runner/csv/typed-values.ts';
import { typeOf } from '#runner/processor/types.ts';
import type { ValueType } from '#runner/processor/value-type.ts';

const QUOTE = 0x22;

/** @returns a function that takes a record's canonical bytes and its fields as texts, and returns these texts anew */
export function createTextWriter(
  schema: FileSchema,
  header: readonly string[],
  delimiter: string,
): (record: Buffer, fields: readonly string[]) => string[] {
  const result = matchHeader(header, schema);
  const types = new Map<number, ValueType>();
  if (result.ok) {
    for (const [i, field] of schema.fields.entries()) {
      const position = result.match.positions[i]!;
      if (position !== -1 && unquotedKind(field) !== null) types.set(position, typeOf(field, field.name));
    }
  }
  const { read, view } = createRecordReader(delimiter.charCodeAt(0));
  return (record, fields) => {
    read(record, 0);
    return fields.map((text, i) => {
      const type = types.get(i);
      if (type === undefined || text === '' || view.malformed || record[view.starts[i]! - 1] === QUOTE) return text;
      return writeText(text, type);
    });
  };
}

/** A value that the schema's texts cannot say, such as seconds where the format has none, stays as it is. */
function writeText(value: string, { read, write, compare }: ValueType): string {
  const text = write?.(value);
  if (text === undefined) return value;
  const found = read(text);
  const isSame = found !== undefined && (compare ? compare(found, value) === 0 : found === value);
  return isSame || isNumber(value) ? text : value;
}

/** A number is written anew in any case: as it is, it might be read as another number. */
function isNumber(value: string): boolean {
  return Number.isFinite(Number(value));
}
