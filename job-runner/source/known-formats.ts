/** Formats that are recognised and refused, with what the user can do instead. */
import { formatFault } from './source-format.ts';

/** Formats by their first bytes, in a latin1 view. */
const BY_START: readonly [start: string | RegExp, message: string][] = [
  ['\xd0\xcf\x11\xe0', 'an old workbook (.xls) or one that is protected by a password: save it as .xlsx or CSV'],
  ['BZh91AY&SY', 'compressed by bzip2: compress it with gzip or zstd'],
  ['\xfd7zXZ\x00', 'compressed by xz: compress it with gzip or zstd'],
  ['7z\xbc\xaf\x27\x1c', 'a 7-Zip archive: pack it as a ZIP with one file, or with gzip'],
  ['Rar!\x1a\x07', 'a RAR archive: pack it as a ZIP with one file, or with gzip'],
  ['\x04\x22\x4d\x18', 'compressed by lz4: compress it with gzip or zstd'],
  ['\x1f\x9d', 'compressed by compress (.Z): compress it with gzip or zstd'],
  ['\xff\x06\x00\x00sNaPpY', 'compressed by snappy: compress it with gzip or zstd'],
  ['%PDF-', 'a PDF: export the table as CSV'],
  ['PAR1\x15', 'a Parquet file: export it as CSV or NDJSON'],
  ['Obj\x01', 'an Avro file: export it as CSV or NDJSON'],
  ['ARROW1\x00', 'an Arrow file: export it as CSV or NDJSON'],
  ['SQLite format 3\x00', 'a SQLite database: export the table as CSV'],
  ['PGDMP\x01', 'a dump of pg_dump: restore it with pg_restore, or export the table as CSV (\\copy)'],
  ['\x89HDF', 'an HDF5 file: export it as CSV'],
  ['{\\rtf', 'an RTF document: save it as plain CSV'],
  ['\xff\xfe\x00\x00', 'text in UTF-32: save it as UTF-8'],
  [
    /^\s*<(!doctype\s+html|html|head|body|table)[\s>]/i,
    'an HTML page, such as the login page of a portal: download the file itself',
  ],
  [/^\s*<\?xml\s/i, 'an XML file: convert it to CSV or NDJSON'],
  [/^ISA([^A-Za-z0-9\s])\d\d\1/, 'an EDI interchange (X12): convert its transactions to CSV or NDJSON'],
  [/^(UNA.{6}\s*)?UNB\+/, 'an EDI interchange (EDIFACT): convert its messages to CSV or NDJSON'],
  [/^MSH\|\^~/, 'a file of HL7 messages: convert them to CSV or NDJSON'],
  [
    // biome-ignore lint/suspicious/noControlCharactersInRegex: such files have U+0014 between fields
    /^(\xef\xbb\xbf)?(\xc3\xbe|\xfe)[^\r\n]*\x14/,
    'a Concordance load file (fields between þ and U+0014): convert it to CSV',
  ],
  [/^-----BEGIN PGP MESSAGE-----/, 'encrypted by PGP: decrypt it'],
];

const TAR_MARK = 257;

/** @throws Fault (permanent, reason FormatNotSupported) */
export function refuseKnown(head: Buffer, subject: string): void {
  const start = head.toString('latin1', 0, 512);
  const isKnown = ([begin]: (typeof BY_START)[number]) =>
    typeof begin === 'string' ? start.startsWith(begin) : begin.test(start);
  const message = start.startsWith('ustar', TAR_MARK)
    ? 'a tar archive: pack the file alone, with gzip or zstd'
    : BY_START.find(isKnown)?.[1];
  if (message) throw formatFault('FormatNotSupported', `${subject} ${message}, and upload that.`);
}

/** A program that died, or a disk that was full, leaves NUL bytes where the rest of the file should be. */
export function refuseNulTail(bytes: Buffer): void {
  const first = bytes.indexOf(0);
  if (first === -1 || bytes.length - first < 2 || bytes.subarray(first).some((byte) => byte !== 0)) return;
  throw formatFault(
    'FileDamaged',
    `The file ends with ${bytes.length - first} NUL bytes: it was not written to its end. Write it again, or cut the NUL bytes off if nothing else is missing (tr -d '\\0'), and upload that.`,
  );
}

/**
 * Refuses a table whose fields are found by another kind of separator than CSV has. Two commas or semicolons are none:
 * a column without a name stands between them.
 */
export function refuseOtherTables(line: string, isField: (name: string) => boolean): void {
  const count = (separator: string | RegExp) => line.split(separator).filter((name) => isField(name.trim())).length;
  const double = /[A-Za-z0-9"]((\|\||::|~~|\^\^|\|~\||~\|~|\^\|\^|\$\$|##|@@)+)[A-Za-z0-9"]/.exec(line)?.[1];
  if (double && count(double) > 1) {
    throw formatFault(
      'FormatNotSupported',
      `The fields are separated by ${double}, and a delimiter is one character: replace ${double} by another delimiter, such as a tab, and upload that.`,
    );
  }
  if (count(/ {2,}/) > 1 && !/[,;\t|]/.test(line)) {
    throw formatFault(
      'FormatNotSupported',
      'The columns are aligned by spaces (fixed width), which is not read: convert the file to CSV, and upload that.',
    );
  }
}
