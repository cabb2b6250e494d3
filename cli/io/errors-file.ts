/** The file of `--errors`: failed records with the columns of their own file, and why each of them failed. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { FileSchema } from '#api/file-schema.ts';
import type { SourceFormat } from '#api/source-format.ts';
import { createTextWriter, type PreparedRecord } from '#runner/record-processor.ts';
import { createFailedRecordsFormat, type FailedRecordsFormat } from '#runner/report/failed-records-csv.ts';
import { notWritten } from './output-file.ts';

export const ERRORS_OPTION = [
  '-e, --errors <file>',
  "write failed records to a CSV file with the file's own columns and _row, _code, _message",
] as const;

/** How the records of the file are written, and by which schema they are read. */
interface ReadFile {
  format: Pick<SourceFormat, 'delimiter' | 'chunkDelimiter' | 'typedValues'>;
  schema: FileSchema;
}

export interface ErrorsFile {
  /** Called once, before the first record. */
  start(header: readonly string[], file: ReadFile): void;
  add(record: PreparedRecord): Promise<void>;
  end(): Promise<void>;
}

/** The file is made with its header even where no record fails, so that a program finds a file in any case. */
export function createErrorsFile(path: string): ErrorsFile {
  const stream = createWriteStream(path);
  let writer: FailedRecordsFormat | null = null;
  const ended = finished(stream).catch((error) => {
    throw notWritten(path, '--errors', error);
  });
  // The fault is told where the file is awaited.
  ended.catch(() => undefined);
  return {
    start(header, { format: { delimiter, chunkDelimiter, typedValues }, schema }) {
      const typed = typedValues ? { toTexts: createTextWriter(schema, header, chunkDelimiter) } : {};
      writer = createFailedRecordsFormat({ header, chunkDelimiter, delimiter: delimiter ?? ',', ...typed });
      stream.write(writer.header());
    },
    async add(record) {
      if (stream.write(writer!.record(record))) return;
      await Promise.race([new Promise<void>((resolve) => stream.once('drain', resolve)), ended]);
    },
    async end() {
      stream.end();
      await ended;
    },
  };
}
