/** Which of the schemas a file is for, by its header alone. Pure. */
import type { Schema, SchemaName } from '#page/api/types.ts';
import { matchColumns } from '#page/check/match-columns.ts';

export interface RankedSchema {
  name: string;
  isReady: boolean;
  /** Columns of the header that are fields by their names; null when nothing is known of the schema's fields. */
  matched: number | null;
  /** Every column fits, and no column is missing. */
  fits: boolean;
}

/** @param details the schemas as far as they could be read. @returns all names, the best fit first */
export function rankSchemas(
  header: readonly string[],
  names: readonly SchemaName[],
  details: ReadonlyMap<string, Schema>,
): RankedSchema[] {
  return names
    .map((about) => rank(header, about, details.get(about.name)))
    .sort(
      (a, b) =>
        Number(b.isReady) - Number(a.isReady) ||
        Number(b.fits) - Number(a.fits) ||
        (b.matched ?? 0) - (a.matched ?? 0) ||
        (a.name < b.name ? -1 : 1),
    );
}

function rank(header: readonly string[], { name, ready }: SchemaName, schema: Schema | undefined): RankedSchema {
  if (schema === undefined) return { name, isReady: ready, matched: null, fits: false };
  const { fits, fieldOfColumn } = matchColumns(header, toSpec(schema));
  return { name, isReady: ready, matched: fieldOfColumn.filter((field) => field !== null).length, fits };
}

/** @returns the schema that is clearly the best; null when a person must choose */
export function suggestSchema(ranked: readonly RankedSchema[]): string | null {
  const [best, second] = ranked.filter(({ isReady }) => isReady);
  if (best === undefined) return null;
  if (second === undefined) return best.name;
  if (best.fits && !second.fits) return best.name;
  if (best.fits === second.fits && (best.matched ?? 0) > (second.matched ?? 0)) return best.name;
  return null;
}

type Spec = Parameters<typeof matchColumns>[1];

/** What matching names needs of a schema that the API has described. */
function toSpec({ fields, fieldsMatch, primaryKey }: Schema): Spec {
  return {
    fields: fields.map(({ required, constraints, ...field }) => ({
      ...field,
      constraints: { ...constraints, required },
    })),
    fieldsMatch,
    primaryKey,
    target: { table: 'unknown' },
  } as unknown as Spec;
}
