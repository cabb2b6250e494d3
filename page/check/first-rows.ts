/** Shows the first records of a file: a valid one as it will be stored, a failed one as it stands in the file. */
import type { FileSchema } from '#api/file-schema.ts';
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import { RowBuffer } from '#runner/processor/row-buffer.ts';
import type { Block } from '#runner/records/cut-blocks.ts';
import { createBlockPreparer } from '#runner/records/prepare-block.ts';
import type { CanonicalFile, PreparedRecord } from '#runner/records/prepare-records.ts';
import { BROWSER_PLATFORM } from './platform.ts';
import type { ShownRow } from './types.ts';

const NO_UPLOAD = '00000000-0000-0000-0000-000000000000';
const MASK = '***';
/** A value may have megabytes, of which a person reads the beginning. */
const MOST_SHOWN_CHARACTERS = 1000;

export interface FirstRows {
  /** Takes the next records of the file, with the block that they stand in. */
  add(block: Block, records: readonly PreparedRecord[]): void;
  readonly isFull: boolean;
  /** In the file's order. */
  readonly rows: readonly ShownRow[];
}

/** @param most the number of records that are shown */
export function createFirstRows(file: CanonicalFile, header: readonly string[], most: number): FirstRows {
  const rows: ShownRow[] = [];
  const delimiter = file.format.chunkDelimiter;
  const shown = schemaOfFields(file.schema);
  const preparer = createBlockPreparer({
    schema: shown,
    header,
    uploadId: NO_UPLOAD,
    delimiter,
    typedValues: file.format.typedValues ?? false,
    isUtf8: BROWSER_PLATFORM.isUtf8,
  });
  const { positions } = preparer.processor.parts;

  /** The fields of a record as they stand in the file. */
  function readRaw(bytes: Buffer): (string | null)[] {
    const { fields, malformed } = splitRecord(withoutLineEnd(bytes.toString('utf8')), delimiter);
    const masked = preparer.processor.mask(fields, malformed);
    return positions.map((position) => masked[position] || null);
  }

  return {
    get isFull() {
      return rows.length >= most;
    },
    rows,
    add(block, records) {
      const wanted = records.slice(0, most - rows.length);
      const bytes = block.bytes.subarray(0, endOfRecords(block.bytes, delimiter, wanted.length));
      const stored = new RowBuffer('text');
      const places: [start: number, end: number][] = [];
      const onRecord = (start: number, end: number) => void places.push([start, end]);
      preparer.prepare(bytes, block.firstRowNumber, { rows: stored, onRecord, onFailed: () => undefined });
      const valuesOfRow = readStored(stored, shown);
      for (const [i, { rowNumber, faults }] of wanted.entries()) {
        const values = valuesOfRow.get(rowNumber) ?? readRaw(bytes.subarray(...places[i]!));
        rows.push({ rowNumber, values: values.map(shorten), faults: faults.map((fault) => ({ rowNumber, ...fault })) });
      }
    },
  };
}

function shorten(value: string | null): string | null {
  if (value === null || value.length <= MOST_SHOWN_CHARACTERS) return value;
  return `${value.slice(0, MOST_SHOWN_CHARACTERS)}…`;
}

/** A schema that stores each field as a column, and nothing else. */
function schemaOfFields({ rules: _rules, ...schema }: FileSchema): FileSchema {
  const columns = schema.fields.map(({ name }) => ({ name, field: name }));
  return { ...schema, target: { ...schema.target, columns } };
}

/** @returns where the first `count` records end; a blank line is no record */
function endOfRecords(bytes: Buffer, delimiter: string, count: number): number {
  const { read, view } = createRecordReader(delimiter.charCodeAt(0));
  let at = 0;
  for (let found = 0; found < count && at < bytes.length; ) {
    at = read(bytes, at);
    if (!view.blank) found += 1;
  }
  return at;
}

/** @returns the values of each valid record by its row number; null for no value */
function readStored(stored: RowBuffer, { fields }: FileSchema): Map<number, (string | null)[]> {
  const lines = Buffer.concat(stored.all()).toString('utf8').split('\n');
  return new Map(
    Array.from({ length: stored.rows }, (_, row) => {
      const values = lines[row]!.split('\t').map((text, i) => {
        if (text === '\\N') return null;
        return fields[i]!.sensitive ? MASK : unescapeCopyText(text);
      });
      return [stored.rowNumber(row), values];
    }),
  );
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

function unescapeCopyText(text: string): string {
  return text.replace(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char);
}
