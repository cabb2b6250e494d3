/** Finds a record that a schema accepts, for the example row of a template. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { prepareRecords } from '#runner/records/prepare-records.ts';
import { exampleValues } from './example-values.ts';
import { formatCsvRow } from './failed-records-csv.ts';

type Field = RecordSchemaSpec['fields'][number];

/** Records that are tried where rules over several fields refuse the first ones. */
const MOST_TRIES = 5000;
/** As a pod's: the most bytes of one record. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/**
 * @param tries a program that has other work to do tries fewer records than the default.
 * @returns a text for each field, or null where no record was found that meets all rules
 */
export async function findExample(schema: RecordSchemaSpec, tries = MOST_TRIES): Promise<string[] | null> {
  const choices: string[][] = [];
  for (const field of schema.fields) choices.push(await valuesOf(field, schema));
  if (choices.some((values) => values.length === 0)) return null;
  const plain = { ...schema, fieldsMatch: 'equal' as const };
  const tried = [...tryRecords(choices, tries)];
  const valid = await findValid(plain, tried);
  const [first] = valid;
  return first === undefined ? null : tried[first]!;
}

/** An example of each field alone; null where none is known. */
export async function examplesOfFields(schema: RecordSchemaSpec): Promise<(string | null)[]> {
  const examples: (string | null)[] = [];
  for (const field of schema.fields) examples.push((await valuesOf(field, schema)).find((text) => text !== '') ?? null);
  return examples;
}

/** The texts that the field accepts; the last one is blank where the field may be. */
async function valuesOf(field: Field, { missingValues, primaryKey = [] }: RecordSchemaSpec): Promise<string[]> {
  const texts = [...new Set(exampleValues(field))].filter((text) => text.trim() !== '');
  const isRequired = field.constraints?.required === true || primaryKey.includes(field.name);
  const alone: RecordSchemaSpec = {
    fields: [{ ...field, constraints: { ...field.constraints, required: true } }],
    fieldsMatch: 'equal',
    ...(missingValues ? { missingValues } : {}),
    target: { table: 'x', create: false, onDuplicate: 'Skip', columns: [{ name: 'x', field: field.name }] },
  };
  const valid = await findValid(
    alone,
    texts.map((text) => [text]),
  );
  return [...valid.map((i) => texts[i]!), ...(isRequired ? [] : [''])];
}

/** First the likeliest value of every field, then all that may be blank left out, then others by chance, always the same ones. */
function* tryRecords(choices: readonly string[][], tries: number): Generator<string[]> {
  yield choices.map((values) => values[0]!);
  yield choices.map((values) => (values.at(-1) === '' ? '' : values[0]!));
  let seed = 1;
  for (let i = 0; i < tries; i += 1) {
    yield choices.map((values) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return values[(seed >>> 8) % values.length]!;
    });
  }
}

/** @returns the positions of the records that the schema accepts */
async function findValid(schema: RecordSchemaSpec, records: readonly string[][]): Promise<number[]> {
  if (records.length === 0) return [];
  const header = schema.fields.map(({ name }) => name);
  async function* bytes(): AsyncGenerator<Buffer, void, void> {
    yield Buffer.from([header, ...records].map(formatCsvLine).join(''));
  }
  const file = { bytes: bytes(), format: { type: 'csv' as const, chunkDelimiter: ',' }, firstRowNumber: 0, schema };
  const valid: number[] = [];
  for await (const prepared of prepareRecords(file, { maxRecordBytes: MAX_RECORD_BYTES })) {
    for (const { rowNumber, faults } of prepared) if (faults.length === 0) valid.push(rowNumber - 1);
  }
  return valid;
}

/** A record of one blank field would be a blank line. */
function formatCsvLine(cells: readonly string[]): string {
  return cells.length === 1 && cells[0] === '' ? '""\n' : formatCsvRow(cells);
}

/** A file with the header and the example row. */
export function formatTemplate({ fields }: RecordSchemaSpec, example: readonly string[] | null): string {
  return formatCsvLine(fields.map(({ name }) => name)) + (example ? formatCsvLine(example) : '');
}
