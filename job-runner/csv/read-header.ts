import type { FileSchema } from '#api/file-schema.ts';
import { Fault } from '#common/faults.ts';
import { matchHeader } from './header.ts';
import { splitRecord, withoutLineEnd } from './split.ts';
import { isUtf8Portable } from './utf8.ts';

/**
 * Reads the file's first record as its header.
 * @throws Fault FILE_HEADER (permanent, reason HeaderMismatch) that names the missing and the unknown columns.
 */
export function readHeader(bytes: Buffer, schema: FileSchema, delimiter = ','): string[] {
  if (!isUtf8Portable(bytes))
    throw mismatch(
      "The header holds bytes that are not text in the file's encoding: declare spec.format.encoding in a new BatchUpload, or save the file as CSV in UTF-8 and upload that.",
    );
  const text = withoutLineEnd(bytes.toString('utf8'));
  const { fields, malformed } = splitRecord(text, delimiter);
  if (malformed && text.includes(`${delimiter} "`)) {
    throw mismatch(
      'A space stands before a quote in the header: declare spec.format.dialect.skipInitialSpace: true in a new BatchUpload.',
    );
  }
  if (malformed && text.includes(`" ${delimiter}`)) {
    throw mismatch(
      'A space stands behind a quote in the header: remove the spaces between quotes and delimiters, and upload the file again.',
    );
  }
  if (malformed) throw mismatch('The header has a quote where none may stand: correct the first row of the file.');
  const result = matchHeader(fields, schema);
  if (!result.ok) throw mismatch(result.message);
  return fields;
}

function mismatch(message: string): Fault {
  return new Fault({ code: 'FILE_HEADER', category: 'permanent', reason: 'HeaderMismatch', message });
}
