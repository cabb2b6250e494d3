/** The values of a record's fields, in the order of the schema: ranges of bytes as long as nobody needs a text. */
import type { RecordView } from '#runner/csv/record-reader.ts';

export const MISSING = 0;
/** The value is what stands in the file, byte for byte. */
export const BYTES = 1;
/** The value had to be made from it: quotes were doubled, or it stands there in another form than its type's. */
export const TEXT = 2;
/** The field is at fault: there is no value to speak of. */
export const INVALID = 3;

export class FieldValues {
  record: RecordView;
  /** MISSING, BYTES, TEXT or INVALID. */
  readonly kinds: Uint8Array;
  readonly texts: string[];
  /** The field's column in the file; -1 where it has none. */
  readonly positions: readonly number[];

  constructor(record: RecordView, positions: readonly number[], kinds = new Uint8Array(positions.length)) {
    this.record = record;
    this.positions = positions;
    this.kinds = kinds;
    this.texts = new Array(positions.length).fill('');
  }

  /** Undefined where the value is missing; not for a field at fault. */
  text(field: number): string | undefined {
    if (this.kinds[field] === MISSING) return undefined;
    return this.kinds[field] === TEXT ? this.texts[field] : this.record.text(this.positions[field]!);
  }
}
