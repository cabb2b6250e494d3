/** Turns a file of any format into the canonical bytes that the scanner takes, in one pass. */
import { canonicalSchema, type FileSchema, fileSchema } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, MatchedColumn, SourceFormat } from '#api/source-format.ts';
import { matchedKeys } from '#runner/csv/matched-columns.ts';
import { copied } from './copied.ts';
import {
  type Container,
  type Content,
  detectContainer,
  detectContent,
  findEncoding,
  SAMPLE_BYTES,
} from './detect-format.ts';
import { withoutEndMark } from './end-mark.ts';
import { beginsSurelyAsUtf8, evidenceOf, gatherEvidence, guessEncoding } from './guess-encoding.ts';
import { type Peeked, peek } from './peek.ts';
import type { Archive, Platform, ReadBytes } from './platform.ts';
import { rewriteDialect } from './rewrite-dialect.ts';
import { NDJSON_FIRST_ROW, type NdjsonOptions, rewriteNdjson } from './rewrite-ndjson.ts';
import type { XlsxOptions } from './rewrite-xlsx.ts';
import { skipBytes } from './sep-line.ts';
import { declaredOtherwise, formatFault, isOrdinary } from './source-format.ts';
import { createGuessedTranscoder, createTranscoder, transcode } from './transcode.ts';
import { CANONICAL_DELIMITER } from './write-csv.ts';

export interface FileInput {
  /**
   * The file from its start, for formats that are read in one pass. A piece is valid until the next one is asked for.
   */
  stream: AsyncIterable<Buffer>;
  /** Reads any part of the file, for archives. */
  readBytes: ReadBytes;
  sizeBytes: number;
  key: string;
  declared: DeclaredFormat;
  schema: RecordSchemaSpec;
  maxRecordBytes: number;
  platform: Platform;
}

export interface OpenedFile {
  format: SourceFormat;
  /** The schema by which `bytes` are read. */
  schema: FileSchema;
  /** The records for the scanner; their delimiter is `format.chunkDelimiter`. */
  bytes: AsyncIterable<Buffer>;
  /** True when `bytes` are not the object's own bytes: chunks then need a copy to point into. */
  rewritten: boolean;
  /** The row number of the first row of `bytes`. */
  firstRowNumber: number;
  /** For NDJSON: the fields of the schema that no object has had so far. All of `bytes` must be read before. */
  absentFields?: () => string[];
  /** For NDJSON: what became of the keys of the objects so far. The columns of other files are those of their header. */
  columns?: () => MatchedColumn[];
}

/** @throws Fault FILE_FORMAT (permanent), and any error of reading. */
export async function openFile(input: FileInput): Promise<OpenedFile> {
  const { schema, declared } = input;
  const opened = await openByItsColumns({ ...input, schema: fileSchema(schema, declared) });
  return { ...opened, schema: canonicalSchema(schema, declared, opened.format) };
}

type Opened = Omit<OpenedFile, 'schema'>;
type ColumnedInput = Omit<FileInput, 'schema'> & { schema: FileSchema };

async function openByItsColumns(input: ColumnedInput): Promise<Opened> {
  const { platform } = input;
  const outer = await peek(input.stream, SAMPLE_BYTES);
  const container = outer.head.length === 0 ? 'none' : detectContainer(outer.head, input.declared);
  switch (container) {
    case 'none':
      return openText(input, { compression: container, readAgain: () => readWhole(input) }, outer);
    case 'gzip':
    case 'zstd': {
      const text = await peek(platform.decompress(copied(outer.stream), container), SAMPLE_BYTES);
      const readAgain = () => platform.decompress(readWhole(input), container);
      return openText(input, { compression: container, readAgain }, text);
    }
    case 'zip':
    case 'workbook or zip': {
      await outer.stream.return();
      return openZip(input, await platform.openArchive(input.readBytes, input.sizeBytes));
    }
    default:
      throw new Error(container satisfies never);
  }
}

async function openZip(input: ColumnedInput, archive: Archive): Promise<Opened> {
  const { declared } = input;
  const { members } = archive;
  // A pod of a small text mostly starts, and this is a tenth of the code.
  const { findPart, findWorkbookPart, notWorkbook, rewriteXlsx } = await import('./workbook-file.ts');
  if (findPart(archive, '[Content_Types].xml') || findPart(archive, 'mimetype')) {
    if ((await findWorkbookPart(archive)) === undefined) throw notWorkbook();
    return openXlsx(input, (options) => rewriteXlsx(archive, options));
  }
  if (declared.type === 'xlsx') throw declaredOtherwise('type xlsx, but the object is another archive');
  if (declared.compression === 'none') throw declaredOtherwise('compression none, but the object is a ZIP');
  const [member, ...others] = members;
  if (!member || others.length > 0) throw wrongNumberOfMembers(members.map(({ name }) => name));
  const readAgain = () => archive.read(member);
  return openText(input, { compression: 'zip', readAgain }, await peek(readAgain(), SAMPLE_BYTES));
}

function wrongNumberOfMembers(names: string[]) {
  const shown = names.slice(0, 5).join(', ').slice(0, 300);
  return formatFault(
    'FormatNotSupported',
    names.length === 0
      ? 'The archive holds no file: pack one file, and upload it again.'
      : `The archive holds ${names.length} files (${shown}${names.length > 5 ? ', …' : ''}): pack one file an archive, and load each by its own BatchUpload.`,
  );
}

function openXlsx(
  { declared, schema, maxRecordBytes }: ColumnedInput,
  read: (options: XlsxOptions) => AsyncIterable<Buffer>,
): Opened {
  const { type = 'xlsx', compression = 'none' } = declared;
  if (type !== 'xlsx') throw declaredOtherwise(`type ${type}, but the object is a workbook`);
  if (compression !== 'none') throw declaredOtherwise(`compression ${compression}, but the object is a workbook`);
  return {
    format: {
      type: 'xlsx',
      compression: 'none',
      encoding: null,
      delimiter: null,
      chunkDelimiter: CANONICAL_DELIMITER,
      typedValues: true,
    },
    bytes: read({ schema, maxRecordBytes }),
    rewritten: true,
    firstRowNumber: 1,
  };
}

const readWhole = ({ readBytes, sizeBytes }: ColumnedInput) => readBytes(0, sizeBytes);

interface TextSource {
  compression: Exclude<Container, 'workbook or zip'>;
  /** Reads the decompressed text from its start, beside the stream. */
  readAgain(): AsyncIterable<Buffer>;
}

async function openText(
  input: ColumnedInput,
  { compression, readAgain }: TextSource,
  { head, complete, stream }: Peeked,
): Promise<Opened> {
  const { declared, schema, key, maxRecordBytes, platform } = input;
  const sample = { bytes: head, complete, key };
  // Only a text whose beginning leaves a doubt is read twice: a few stray bytes in the beginning decide nothing.
  const found = findEncoding(sample, declared) ?? (beginsSurelyAsUtf8(head) ? 'utf-8' : null);
  const guess = found ?? guessEncoding(complete ? evidenceOf(head) : await gatherEvidence(readAgain()));
  const content = detectContent(sample, declared, schema, guess);
  const { type, encoding } = content;
  const asIs = type === 'csv' && isOrdinary(content.dialect);
  const sepLine = type === 'csv' ? content.sepLine : null;
  const rewritten = compression !== 'none' || encoding !== 'utf-8' || !asIs || sepLine !== null;
  // Decompressed pieces need no copy: nothing else writes into them.
  const pieces = rewritten && compression === 'none' ? copied(stream) : stream;
  const transcoder = found === null ? createGuessedTranscoder(encoding) : createTranscoder(encoding);
  const decoded = encoding === 'utf-8' ? pieces : transcode(pieces, transcoder);
  const text = withoutEndMark(sepLine ? skipBytes(decoded, sepLine.bytes) : decoded);
  const seen = new Set<number>();
  const keys = new Map<string, number | null>();
  const columns = () => matchedKeys(keys, schema);
  const absentFields = () => schema.fields.filter((_, i) => !seen.has(i)).map(({ name }) => name);
  return {
    format: {
      type,
      compression,
      encoding,
      delimiter: type === 'csv' ? content.dialect.delimiter : null,
      chunkDelimiter: asIs ? content.dialect.delimiter : CANONICAL_DELIMITER,
      ...(type === 'ndjson' ? { typedValues: true } : {}),
    },
    bytes: asIs ? text : rewrite(content, text, { schema, maxRecordBytes, isUtf8: platform.isUtf8, seen, keys }),
    rewritten,
    ...(type === 'ndjson'
      ? { firstRowNumber: NDJSON_FIRST_ROW, absentFields, columns }
      : { firstRowNumber: sepLine ? 2 : 1 }),
  };
}

function rewrite(
  content: Content,
  text: AsyncIterable<Buffer>,
  options: Required<Omit<NdjsonOptions, 'framing'>>,
): AsyncIterable<Buffer> {
  return content.type === 'ndjson'
    ? rewriteNdjson(text, { ...options, framing: content.framing })
    : rewriteDialect(text, { dialect: content.dialect, maxRecordBytes: options.maxRecordBytes });
}
