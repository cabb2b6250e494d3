/** The first values of each column, read by the record processor itself with a schema that takes every text. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnMapping } from '#api/source-format.ts';
import { visibleName } from '#api/visible-name.ts';
import { startCheck } from '#page/check/protocol.ts';
import { findSameNames } from './columns.ts';

/** The first records are in here, of a file of any kind. */
const LIMIT_BYTES = 64 * 1024;
/** A schema of more fields takes long to compile; the columns behind have no samples. */
const MOST_COLUMNS = 500;
/** A sample helps a person, who does not wait for it. */
const MOST_MS = 10_000;

/** @returns for each column its values in the first records; none where they cannot be read. Never rejects. */
export function readSamples(file: File, header: readonly string[]): Promise<string[][]> {
  const named = namedColumns(header);
  const nothing = header.map((): string[] => []);
  if (named.length === 0) return Promise.resolve(nothing);
  return new Promise((resolve) => {
    const columns = named.map((column): ColumnMapping => ({ name: header[column]!, field: fieldOf(column) }));
    const spec = textSchema(named.map(fieldOf));
    const request = { file, spec, columnTypes: null, declared: { columns }, limitBytes: LIMIT_BYTES };
    const end = (samples: string[][]) => {
      clearTimeout(timer);
      check.cancel();
      resolve(samples);
    };
    const check = startCheck(request, (event) => {
      if (event.type === 'rows') {
        const at = new Map(event.fields.map((field, i) => [field, i]));
        end(header.map((_, column) => event.rows.flatMap(({ values }) => values[at.get(fieldOf(column)) ?? -1] ?? [])));
      } else if (event.type !== 'progress') end(nothing);
    });
    const timer = setTimeout(() => end(nothing), MOST_MS);
  });
}

const fieldOf = (column: number) => `column_${column}`;

function namedColumns(header: readonly string[]): number[] {
  const same = findSameNames(header);
  return header.flatMap((name, i) => (visibleName(name) === '' || same.has(i) ? [] : [i])).slice(0, MOST_COLUMNS);
}

function textSchema(names: readonly string[]): RecordSchemaSpec {
  const fields = names.map((name) => ({ name, type: 'string' as const }));
  const columns = names.map((name) => ({ name, field: name }));
  return { fields, fieldsMatch: 'partial', target: { table: 'samples', columns } } as unknown as RecordSchemaSpec;
}
