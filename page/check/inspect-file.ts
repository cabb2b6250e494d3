/** Finds out what a file is, without a schema: its format, and the names of its columns or keys. */
import type { FileSchema } from '#api/file-schema.ts';
import type { DeclaredFormat } from '#api/source-format.ts';
import { readHeader } from '#runner/csv/read-header.ts';
import { createRecordReader } from '#runner/csv/record-reader.ts';
import { splitRecord, withoutLineEnd } from '#runner/csv/split.ts';
import { isUtf8Portable } from '#runner/csv/utf8.ts';
import { type Block, createBlockCutter } from '#runner/records/cut-blocks.ts';
import { type OpenedFile, openFile } from '#runner/source/open-file.ts';
import type { DELIMITERS } from '#runner/source/source-format.ts';
import { MAX_RECORD_BYTES } from './check-file.ts';
import { limitBytes, untilLimit } from './decoded-limit.ts';
import { BROWSER_PLATFORM } from './platform.ts';
import { openPickedFile } from './read-file.ts';
import type { FileFacts } from './types.ts';

/** The keys of NDJSON are those of the objects in so many decoded bytes. */
const SAMPLE_BYTES = 256 * 1024;
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
  const isOpen = source.format.type === 'csv' && format.dialect?.delimiter === undefined;
  if (isOpen) return inspectTable(file, format, source.format.delimiter ?? ',');
  return { format: source.format, header: withoutNamelessEnd(await readNames(source)) };
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

/**
 * Without a schema nobody knows the names of the columns. The delimiter is the one that cuts the first rows into the most
 * columns, and each row into as many as the header; where none does, the ordinary one. With the schema and the columns that
 * a person has chosen, the job runner finds the same delimiter by the names.
 */
async function inspectTable(file: File, declared: DeclaredFormat, ordinary: string): Promise<FileFacts> {
  const tables: Table[] = [];
  let fallback: Table | { error: unknown } | null = null;
  for (const delimiter of BY_RARITY) {
    const found = await inspectWith(file, declared, delimiter);
    if (delimiter === ordinary) fallback = found;
    if ('header' in found && found.header.length > 1 && found.agreement >= AGREEMENT) tables.push(found);
  }
  const [best = fallback!] = tables.sort((a, b) => b.header.length - a.header.length);
  if ('error' in best) throw best.error;
  return { format: best.format, header: best.header };
}

/** Of delimiters that cut as well, the one wins that stands more seldom in texts and numbers (`1,5;2,5`). */
const BY_RARITY = ['\t', '|', ';', ','] as const satisfies readonly (typeof DELIMITERS)[number][];
/** A row in the wrong number of columns is a fault of that row, and no sign of another delimiter. */
const AGREEMENT = 0.8;
const FIRST_ROWS = 20;

interface Table extends FileFacts {
  /** The share of the first rows that have as many columns as the header. */
  agreement: number;
}

async function inspectWith(
  file: File,
  declared: DeclaredFormat,
  delimiter: string,
): Promise<Table | { error: unknown }> {
  try {
    const source = await open(file, { ...declared, dialect: { ...declared.dialect, delimiter } });
    const counts: number[] = [];
    const names = await readNames(source, (count) => counts.push(count) >= FIRST_ROWS);
    const same = counts.filter((count) => count === names.length).length;
    const header = withoutNamelessEnd(names);
    return { format: source.format, header, agreement: counts.length === 0 ? 1 : same / counts.length };
  } catch (error) {
    return { error };
  }
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

/** @param onRow is called with the number of columns of each row below the header; returns true when it has seen enough */
async function readNames(source: OpenedFile, onRow: (columns: number) => boolean = () => true): Promise<string[]> {
  const delimiter = source.format.chunkDelimiter;
  let header: string[] | null = null;
  const { read, view } = createRecordReader(delimiter.charCodeAt(0));
  const onHeader = (bytes: Buffer): void => {
    const { fields, malformed } = splitRecord(withoutLineEnd(bytes.toString('utf8')), delimiter);
    // The same header says the same when the file is loaded.
    if (malformed || !isUtf8Portable(bytes)) readHeader(bytes, NO_FIELDS, delimiter);
    header = fields;
  };
  const limited = limitBytes(source.bytes, SAMPLE_BYTES);
  const onBlock = (block: Block | null): boolean => {
    for (let at = 0; block !== null && at < block.bytes.length; ) {
      at = read(block.bytes, at);
      if (!view.blank && onRow(view.count)) return true;
    }
    return false;
  };
  await untilLimit(() => readBlocks({ ...source, bytes: limited.bytes }, onHeader, onBlock));
  return header ?? [];
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
  const limited = limitBytes(source.bytes, SAMPLE_BYTES);
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
