/** Finds out what a file is, without a schema: its format, and the names of its columns or keys. */
import type { FileSchema } from '#api/file-schema.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { readHeader } from '#runner/csv/read-header.ts';
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import { isUtf8Portable } from '#runner/csv/utf8.ts';
import { type Block, createBlockCutter } from '#runner/records/cut-blocks.ts';
import { SAMPLE_BYTES } from '#runner/source/detect-format.ts';
import { type OpenedFile, openFile } from '#runner/source/open-file.ts';
import { peek } from '#runner/source/peek.ts';
import { sniffDelimiter } from '#runner/source/sniff-delimiter.ts';
import { MAX_RECORD_BYTES } from './check-file.ts';
import { limitBytes, untilLimit } from './decoded-limit.ts';
import { BROWSER_PLATFORM } from './platform.ts';
import { openPickedFile } from './read-file.ts';
import type { FileFacts } from './types.ts';

/** The keys of NDJSON are those of the objects in so many decoded bytes. */
const KEYS_FROM_BYTES = 256 * 1024;
const MOST_KEYS = 5000;

const NO_FIELDS: FileSchema = {
  fields: [],
  fieldsMatch: 'equal',
  target: { table: 'none', create: false, onDuplicate: 'Skip', columns: [] },
};

/** @throws Fault for a file that cannot be read */
export async function inspectFile(file: File, declared: DeclaredFormat): Promise<FileFacts> {
  // A mapping says something of columns that are found out here.
  const { columns: _columns, ...format } = declared;
  const source = await open(file, format);
  if (source.format.type === 'ndjson') return { format: source.format, header: await readKeys(source) };
  if (source.format.type === 'xlsx' || format.dialect?.delimiter !== undefined)
    return { format: source.format, header: await readNames(source) };
  // The text is sampled as it stands: another dialect that is declared would rewrite the text with commas.
  const { dialect, ...plain } = format;
  const { encoding } = source.format;
  // The encoding may have been guessed from the whole file, which is read so once.
  const found = { ...plain, ...(encoding === null ? {} : { encoding }) };
  const sample = await peek((dialect ? await open(file, { ...found, type: 'csv' }) : source).bytes, SAMPLE_BYTES);
  await sample.stream.return();
  const delimiter = sniffDelimiter(sample.head.toString('utf8'), sample.complete, file.name);
  const known = await open(file, { ...found, dialect: { ...dialect, delimiter } });
  return { format: known.format, header: await readNames(known) };
}

function open(file: File, declared: DeclaredFormat): Promise<OpenedFile> {
  const picked = openPickedFile(file, () => undefined);
  return openFile({
    ...picked,
    stream: picked.readBytes(0, picked.sizeBytes),
    declared,
    schema: NO_FIELDS,
    maxRecordBytes: MAX_RECORD_BYTES,
    platform: BROWSER_PLATFORM,
  });
}

/** Reads records until one is enough. @param onBlock returns true for the last one */
async function readBlocks(
  { bytes, format, firstRowNumber }: Pick<OpenedFile, 'bytes' | 'format' | 'firstRowNumber'>,
  onHeader: (bytes: Buffer) => void,
  onBlock: (block: Block | null) => boolean,
): Promise<void> {
  const cutter = createBlockCutter({
    delimiter: format.chunkDelimiter,
    maxRecordBytes: MAX_RECORD_BYTES,
    firstRowNumber,
    onHeader,
  });
  for await (const piece of bytes) if (onBlock(cutter.push(piece))) return;
  onBlock(cutter.end());
}

async function readNames(source: OpenedFile): Promise<string[]> {
  const delimiter = source.format.chunkDelimiter;
  let header: string[] | null = null;
  const onHeader = (bytes: Buffer): void => {
    const { fields, malformed } = splitRecord(withoutLineEnd(bytes.toString('utf8')), delimiter);
    // The same header says the same when the file is loaded.
    if (malformed || !isUtf8Portable(bytes)) readHeader(bytes, NO_FIELDS, delimiter);
    header = fields;
  };
  await readBlocks(source, onHeader, () => header !== null);
  return withoutNamelessEnd(header ?? []);
}

function withoutNamelessEnd(names: string[]): string[] {
  return names.slice(0, names.findLastIndex((name) => name.trim() !== '') + 1);
}

/** A schema without fields makes each object a record of one field, which holds the object as it is written. */
async function readKeys(source: OpenedFile): Promise<string[]> {
  const keys = new Set<string>();
  const { read, view } = createRecordReader(source.format.chunkDelimiter.charCodeAt(0));
  const addKeys = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) {
      at = read(bytes, at);
      if (view.blank || view.malformed || view.count !== 1) continue;
      for (const key of keysOf(view.text(0))) if (keys.size < MOST_KEYS) keys.add(key);
    }
  };
  const limited = limitBytes(source.bytes, KEYS_FROM_BYTES);
  const onBlock = (block: Block | null): boolean => {
    if (block !== null) addKeys(block.bytes);
    return false;
  };
  // A header without names is a blank line, so that the first object is taken for the header.
  await untilLimit(() => readBlocks({ ...source, bytes: limited.bytes }, addKeys, onBlock));
  return [...keys];
}

function keysOf(text: string): string[] {
  try {
    return Object.keys(Object(JSON.parse(text)));
  } catch {
    return [];
  }
}
