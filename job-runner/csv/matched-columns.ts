/** Says what became of each column of a file, by the columns' names in the file. */
import type { FileSchema } from '#api/file-schema.ts';
import type { MatchedColumn } from '#api/source-format.ts';
import { allowsUnknown, LEFT_OUT, matchHeader } from './header.ts';

/** @param header a header that matches the schema */
export function matchedColumns(header: readonly string[], schema: FileSchema): MatchedColumn[] {
  const result = matchHeader(header, schema);
  if (!result.ok) return [];
  const { positions, columns } = result.match;
  const fields = new Map(schema.fields.map(({ name }, i) => [positions[i]!, name]));
  return header.slice(0, columns).map((name, position) => column(name, fields.get(position)));
}

/**
 * @param keys the keys of NDJSON objects with the positions of their fields; {@link LEFT_OUT} for a key that the upload
 * leaves out; null for a key that is no field: where the schema does not allow such keys, their records fail.
 */
export function matchedKeys(keys: ReadonlyMap<string, number | null>, schema: FileSchema): MatchedColumn[] {
  const ignoresUnknown = allowsUnknown(schema);
  return [...keys].flatMap(([name, field]) => {
    if (field === null) return ignoresUnknown ? [column(name, undefined)] : [];
    return [column(name, field === LEFT_OUT ? undefined : schema.fields[field]!.name)];
  });
}

function column(name: string, field: string | undefined): MatchedColumn {
  return field === undefined ? { name, ignored: true } : { name, field };
}
