/** The passes over a file that a schema is inferred from: the names of its columns, what they hold, and which are unique. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { DeclaredFormat, SourceFormat } from '#api/source-format.ts';
import { InputError } from '#cli/input-error.ts';
import type { InputFile, OpenOptions } from '#cli/input-file.ts';
import { normalizeName, type RecordView, readRecords } from '#runner/record-processor.ts';
import { SAMPLE_BYTES } from '#runner/source/detect-format.ts';
import { type OpenedFile, openFile } from '#runner/source/open-file.ts';
import { peek } from '#runner/source/peek.ts';
import { sniffDelimiter } from '#runner/source/sniff-delimiter.ts';
import { createKeySearch, type KeyColumn } from './find-keys.ts';
import { ColumnProfile } from './profile-column.ts';
import { looksLikeKey } from './words.ts';

/** Hashes of keys that are kept at once: at most about 200 MB. */
const MAX_KEYS = 8_000_000;

/** A file whose kind is known, and can be read again and again. */
export interface KnownFile {
  format: SourceFormat;
  /** For CSV the delimiter that was found is declared. */
  declared: DeclaredFormat;
  /** Opens the file anew. */
  open(): Promise<OpenedFile>;
}

export function schemaOfNames(names: readonly string[]): RecordSchemaSpec {
  return {
    fields: names.map((name) => ({ name, type: 'string' })),
    fieldsMatch: 'equal',
    target: { table: 'inferred', create: false, onDuplicate: 'Skip', columns: [] },
  };
}

/** @throws Fault for a file that cannot be read, InputError */
export async function learnFile(file: InputFile, options: OpenOptions): Promise<KnownFile> {
  const open = (declared: DeclaredFormat, schema: RecordSchemaSpec) =>
    openFile({ ...file, ...options, stream: file.stream(), declared, schema });
  const source = await open(options.declared, schemaOfNames([]));
  const { format } = source;
  if (format.type === 'ndjson') {
    const schema = schemaOfNames(await readKeys(source, options));
    return { format, declared: options.declared, open: () => open(options.declared, schema) };
  }
  let { declared } = options;
  if (format.type === 'csv' && declared.dialect?.delimiter === undefined) {
    // The text is sampled as it stands: another dialect that is declared would rewrite the text with commas.
    const { dialect: _dialect, ...rest } = declared;
    const raw = declared.dialect ? await open({ ...rest, type: 'csv' }, schemaOfNames([])) : source;
    const sample = await peek(raw.bytes, SAMPLE_BYTES);
    await sample.stream.return();
    const delimiter = sniffDelimiter(sample.head.toString('utf8'), sample.complete, file.key);
    declared = { ...declared, dialect: { ...declared.dialect, delimiter } };
    return { format: { ...format, delimiter }, declared, open: () => open(declared, schemaOfNames([])) };
  }
  return { format, declared, open: () => open(declared, schemaOfNames([])) };
}

const MOST_KEYS = 5000;

/**
 * The keys of all objects, in the order of their first appearance. A schema without fields makes every object a record of one field, which
 * holds the object with its numbers as they are written.
 */
async function readKeys(source: OpenedFile, { maxRecordBytes }: OpenOptions): Promise<string[]> {
  const names = new Map<string, string>();
  const addKeys = (text: string): void => {
    for (const key of Object.keys(parseObject(text))) {
      const normalized = normalizeName(key);
      if (normalized !== '' && !names.has(normalized) && names.size < MOST_KEYS) names.set(normalized, key);
    }
  };
  await readRecords(source, {
    maxRecordBytes,
    // A header without names is a blank line, so that the first object is taken for the header.
    onHeader: ([first = '']) => addKeys(first),
    onRecord({ view }) {
      if (!view.malformed && view.count === 1) addKeys(view.text(0));
    },
  });
  if (names.size === 0)
    throw new InputError('The file holds no JSON object with a key. Check that it is the right file.');
  return [...names.values()];
}

function parseObject(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

export interface Columns {
  header: string[];
  profiles: ColumnProfile[];
  records: number;
  /** Records with another number of fields than the header. */
  misfits: number;
  /** Single columns that are unique. */
  unique: KeyColumn[];
}

/** @throws InputError for a file without a header */
export async function profileColumns(
  known: KnownFile,
  maxRecordBytes: number,
  onRecords: (records: number) => void,
): Promise<Columns> {
  let columns: Omit<Columns, 'unique'> | null = null;
  let search: ReturnType<typeof createKeySearch> | null = null;
  await readRecords(await known.open(), {
    maxRecordBytes,
    onHeader(names) {
      const header = dropTrailingBlanks(names.map((name) => name.trim()));
      columns = { header, profiles: header.map((name) => new ColumnProfile(name)), records: 0, misfits: 0 };
      const keyColumns = header.map((name, position) => ({ name, position }));
      keyColumns.sort((a, b) => Number(looksLikeKey(b.name)) - Number(looksLikeKey(a.name)));
      search = createKeySearch(
        keyColumns,
        keyColumns.map((_, i) => [i]),
        MAX_KEYS,
      );
    },
    onRecord({ view, rowNumber }) {
      const { profiles } = columns!;
      columns!.records += 1;
      if (columns!.records % 4096 === 0) onRecords(columns!.records);
      if (!fits(view, profiles.length)) {
        if (!view.malformed) columns!.misfits += 1;
        return;
      }
      for (let i = 0; i < profiles.length; i += 1) profiles[i]!.add(view.text(i), rowNumber);
      search!.add(view);
    },
  });
  if (columns === null)
    throw new InputError('The file is empty. A schema is inferred from a file with a header and records.');
  const found: Omit<Columns, 'unique'> = columns;
  return { ...found, unique: search!.unique().map(([column]) => column!) };
}

/** Tries combinations of columns in one more pass. */
export async function searchKeys(
  known: KnownFile,
  {
    columns,
    combinations,
    width,
    maxRecordBytes,
  }: { columns: KeyColumn[]; combinations: number[][]; width: number; maxRecordBytes: number },
): Promise<KeyColumn[][]> {
  const search = createKeySearch(columns, combinations, MAX_KEYS);
  await readRecords(await known.open(), {
    maxRecordBytes,
    onHeader: () => undefined,
    onRecord: ({ view }) => {
      if (fits(view, width)) search.add(view);
    },
  });
  return search.unique();
}

function fits(view: RecordView, width: number): boolean {
  if (view.malformed || view.count < width) return false;
  for (let i = width; i < view.count; i += 1) if (view.text(i).trim() !== '') return false;
  return true;
}

function dropTrailingBlanks(names: string[]): string[] {
  const last = names.findLastIndex((name) => name !== '');
  return names.slice(0, last + 1);
}
