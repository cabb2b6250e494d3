/** The values of a record's fields in the schema's order. A value stays a range of bytes until a text is needed. */
import type { RecordView } from '#runner/csv/record-reader.ts';

export const MISSING = 0;
/** The value is the field's bytes in the file. */
export const BYTES = 1;
/** The value differs from the bytes in the file: quotes were doubled, or the file has another form than the type. */
export const TEXT = 2;
/** The field has a fault and therefore no value. */
export const INVALID = 3;

export class FieldValues {
  record: RecordView;
  /** MISSING, BYTES, TEXT or INVALID. */
  readonly kinds: Uint8Array;
  readonly texts: string[];
  /** Each field's column in the file; -1 for a field without a column. */
  readonly positions: readonly number[];

  constructor(record: RecordView, positions: readonly number[], kinds = new Uint8Array(positions.length)) {
    this.record = record;
    this.positions = positions;
    this.kinds = kinds;
    this.texts = new Array(positions.length).fill('');
  }

  /** Undefined for a missing value; not to be called for a field with a fault. */
  text(field: number): string | undefined {
    if (this.kinds[field] === MISSING) return undefined;
    return this.kinds[field] === TEXT ? this.texts[field] : this.record.text(this.positions[field]!);
  }
}
