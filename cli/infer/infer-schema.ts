/** Proposes a RecordSchema from a whole file, and checks the proposal on the same file. Pure: a page can run this file, too. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { SourceFormat } from '#api/source-format.ts';
import { InputError } from '#cli/input-error.ts';
import type { InputFile, OpenOptions } from '#cli/input-file.ts';
import { checkFile, type FileReport } from '#cli/validate/check-file.ts';
import { count } from '#common/text.ts';
import { normalizeName } from '#runner/record-processor.ts';
import { combine, type KeyColumn } from './find-keys.ts';
import { dropEnum, type ProposedField, proposeFields } from './propose-fields.ts';
import { type Columns, type KnownFile, learnFile, profileColumns, searchKeys } from './read-columns.ts';
import { looksLikeKey, nameOfFile, toIdentifier, toIdentifiers, toResourceName } from './words.ts';

export interface InferOptions extends OpenOptions {
  /** The target table; default: made of the file's name. */
  table?: string;
  /** The resource's name; default: made of the file's name. */
  name?: string;
  /** The key's fields, where a person names them. */
  key?: readonly string[];
  /** Propose a schema without a key where no key is found; else such a file is refused with what to do. */
  allowAppend: boolean;
  onProgress?(step: string, records: number): void;
}

export interface Proposal {
  name: string;
  spec: RecordSchemaSpec;
  fields: ProposedField[];
  /** Why the key was chosen. */
  keyNote: string;
  /** Other columns that are unique. */
  otherKeys: string[][];
  format: SourceFormat;
  /** The check of the file by the proposed schema. */
  report: FileReport;
}

/** The most columns of a target, with the two columns of the loader. */
const MOST_FIELDS = 254;
const LONGEST_NAME = 128;

/** @throws Fault for a file that cannot be read, InputError */
export async function inferSchema(file: InputFile, options: InferOptions): Promise<Proposal> {
  const { maxRecordBytes, onProgress } = options;
  const known = await learnFile(file, options);
  const columns = await profileColumns(known, maxRecordBytes, (records) => onProgress?.('reading', records));
  checkHeader(columns.header);
  checkShape(columns);
  const proposed = proposeFields(columns);
  const fields = proposed.filter(({ field }) => field.name !== '').slice(0, MOST_FIELDS);
  const keys = await chooseKeys(known, { columns, fields, options });
  const base = nameOfFile(file.key);
  // The next file of the kind may bring a new value of a key.
  for (const proposedField of fields) if (keys.key.includes(proposedField.field.name)) dropEnum(proposedField);
  const spec = buildSpec({ fields, key: keys.key, table: options.table ?? toIdentifier(base, 'records') });
  if (fields.length < columns.header.length) spec.fieldsMatch = 'subset';
  const name = options.name ?? toResourceName(base);
  const proposal = { name, spec, fields, keyNote: keys.note, otherKeys: keys.others, format: known.format };
  return { ...proposal, report: await verify(file, { ...options, declared: known.declared }, proposal) };
}

function checkHeader(header: readonly string[]): void {
  if (header.length === 0)
    throw new InputError('The first row has no names. A file needs a header row with the names of its columns.');
  const long = header.find((name) => name.length > LONGEST_NAME);
  if (long !== undefined)
    throw new InputError(
      `A column's name has ${long.length} characters, and ${LONGEST_NAME} are possible. Shorten the name in the file's first row.`,
    );
  const named = header.filter((name) => name !== '');
  const records = named.filter((name) => /^[+-]?[0-9][0-9.,/:-]*$/.test(name));
  if (named.length > 0 && records.length === named.length)
    throw new InputError(
      `The first row looks like a record (${records.slice(0, 3).join(', ')}), not like the names of columns. Add a header row to the file.`,
    );
  const first = new Map<string, string>();
  for (const name of named) {
    const normalized = normalizeName(name);
    if (normalized === '')
      throw new InputError(`The column ${name} has no letter or digit in its name. Rename it in the file's first row.`);
    const other = first.get(normalized);
    if (other !== undefined)
      throw new InputError(
        `The columns ${other} and ${name} have the same name, as letter case, spaces, _ and - do not count. Rename one of them in the file's first row.`,
      );
    first.set(normalized, name);
  }
}

const MARKUP: readonly [start: RegExp, what: string][] = [
  [/^<(?:!doctype|html|\?xml)/i, 'The file is HTML or XML. Export the table as CSV, NDJSON or XLSX.'],
  [/^[[{]/, 'The file is JSON that goes over several lines. Write one object in a line (NDJSON).'],
];

/** Most records fit their header; where they do not, the first row is none, or the delimiter was not found. */
function checkShape({ header, records, misfits }: Columns): void {
  const markup = MARKUP.find(([start]) => header.length === 1 && start.test(header[0]!));
  if (markup) throw new InputError(markup[1]);
  if (misfits * 2 <= records) return;
  throw new InputError(
    `${count(misfits, 'record')} of ${records.toLocaleString('en')} have another number of fields than the first row (${header.slice(0, 3).join(', ')}). Remove the rows above the header, or declare the delimiter with --format.dialect.delimiter.`,
  );
}

interface ChosenKeys {
  key: string[];
  note: string;
  others: string[][];
}

const NO_KEY_TYPES = new Set(['number', 'boolean', 'object', 'array', 'duration']);
/** PostgreSQL's index has room for keys of about 2,700 bytes. */
const LONGEST_KEY = 500;
const MOST_COMBINED = 8;

type Fit = Pick<ProposedField, 'field' | 'profile'>;

async function chooseKeys(
  known: KnownFile,
  { columns, fields, options }: { columns: Columns; fields: ProposedField[]; options: InferOptions },
): Promise<ChosenKeys> {
  const { records } = columns;
  if (options.key) return { key: findNamed(options.key, fields), note: 'named by --key', others: [] };
  const fit = new Map(fields.filter((field) => mayBeKey(field, records)).map((field) => [field.field.name, field]));
  const singles = columns.unique
    .filter(({ name }) => fit.has(name))
    .sort((a, b) => rank(fit.get(a.name)!, a.position) - rank(fit.get(b.name)!, b.position));
  const inAll = `in all ${count(records, 'record')}`;
  const [first, ...others] = singles;
  const single = first && {
    key: [first.name],
    note: records < 2 ? 'guess: too few records to tell which column is unique' : `unique ${inAll}`,
    others: others.map(({ name }) => [name]),
  };
  // A column of measured numbers may be unique by chance, as a population is: names and dates together are a better key.
  if (single && !isMeasure(fit.get(first.name)!, records)) return single;
  options.onProgress?.('looking for a key', 0);
  const columnsOf = (list: Fit[]): KeyColumn[] =>
    list
      .sort((a, b) => distinct(b) - distinct(a))
      .slice(0, MOST_COMBINED)
      .map(({ field }) => ({ name: field.name, position: columns.header.indexOf(field.name) }))
      .sort((a, b) => a.position - b.position);
  const dimensions = columnsOf([...fit.values()].filter((field) => !isMeasure(field, records)));
  const search = async (candidates: KeyColumn[]): Promise<ChosenKeys | null> => {
    const found = await searchKeys(known, {
      columns: candidates,
      combinations: combine(candidates.length),
      width: columns.header.length,
      maxRecordBytes: options.maxRecordBytes,
    });
    const [best, ...rest] = found.map((combination) => combination.map(({ name }) => name));
    if (!best) return null;
    const note = `guess: together unique ${inAll}${single ? '' : '; no column alone is'}`;
    return { key: best, note, others: rest.filter(({ length }) => length === best.length) };
  };
  const combined = await search(dimensions);
  if (combined) return { ...combined, others: [...(single ? [single.key] : []), ...combined.others] };
  if (single) return { ...single, note: `guess: ${single.note}, maybe by chance` };
  const widened = await search(columnsOf([...fit.values()]));
  if (widened) return widened;
  if (options.allowAppend)
    return {
      key: [],
      note: 'no column, and no combination of up to three, is unique: records are appended',
      others: [],
    };
  throw new InputError(
    'No column, and no combination of up to three columns, is unique in the file and without blanks, so that no primaryKey can be proposed. Name the key with --key, as in --key a,b (of records with equal keys the first one is loaded), or add a column with a number for each record to the file.',
  );
}

function mayBeKey({ field, profile }: Fit, records: number): boolean {
  const isComplete = field.constraints?.required === true || records === 0;
  return isComplete && !NO_KEY_TYPES.has(field.type) && profile.longest <= LONGEST_KEY;
}

/** Whole numbers that differ nearly everywhere without counting up are measured, unless their name says a key. */
function isMeasure({ field, profile }: Fit, records: number): boolean {
  if (field.type !== 'integer' || looksLikeKey(field.name)) return false;
  const countsUp = profile.greatest <= records * 2;
  return !countsUp && distinct({ profile }) * 10 > records;
}

function findNamed(key: readonly string[], fields: readonly ProposedField[]): string[] {
  return key.map((name) => {
    const found = fields.find(({ field }) => normalizeName(field.name) === normalizeName(name));
    if (found) return found.field.name;
    const names = fields.map(({ field }) => field.name).join(', ');
    throw new InputError(`--key names ${name}, which is no column of the file. The columns are ${names}.`);
  });
}

/** The lower, the more likely a key. */
function rank({ field, profile }: Fit, position: number): number {
  const byName = looksLikeKey(field.name) ? 0 : 10;
  const byPlace = position === 0 ? 0 : 3;
  const isLong = field.type === 'string' && profile.longest > 64;
  const byType = field.format === 'uuid' ? 0 : isLong ? 5 : field.type === 'integer' ? 4 : 1;
  return byName + byPlace + byType + (field.sensitive ? 20 : 0);
}

function distinct({ profile }: Pick<Fit, 'profile'>): number {
  return profile.isListed ? profile.values.size : Number.POSITIVE_INFINITY;
}

function buildSpec({
  fields,
  key,
  table,
}: {
  fields: readonly ProposedField[];
  key: string[];
  table: string;
}): RecordSchemaSpec {
  const names = fields.map(({ field }) => field.name);
  const columns = toIdentifiers(names);
  const [uploadId, rowNumber] = toIdentifiers(['batch_upload_id', 'row_number'], columns);
  return {
    fields: fields.map(({ field }) => field),
    fieldsMatch: 'equal',
    primaryKey: key,
    target: {
      table,
      create: true,
      onDuplicate: 'Skip',
      columns: [
        ...names.map((field, i) => ({ name: columns[i]!, field })),
        { name: uploadId!, system: 'uploadId' },
        { name: rowNumber!, system: 'rowNumber' },
      ],
    },
  };
}

const MAX_KEYS = 8_000_000;

async function verify(
  file: InputFile,
  { onProgress, ...options }: InferOptions,
  { spec }: Pick<Proposal, 'spec'>,
): Promise<FileReport> {
  return checkFile(file, {
    ...options,
    schema: spec,
    rowsOfCode: 3,
    maxKeys: MAX_KEYS,
    onProgress: (records) => onProgress?.('checking', records),
  });
}
