/**
 * With `onDuplicate: Update` a file may lack fields of the schema. What a stored row has of these fields stays: a column
 * that gets only such fields is not written, and a JSON column keeps its members of them. Pure.
 */
import pg from 'pg';
import type { FileSchema } from '#api/file-schema.ts';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { matchHeader } from '#runner/csv/header.ts';
import { compileExpression } from '#runner/processor/expression.ts';

type Column = RecordSchemaSpec['target']['columns'][number];
type Source = Pick<Column, 'field' | 'value'>;

/** Makes the new value of a column from the new and the stored row, which are relations that have the column. */
export type Overlay = (fresh: string, stored: string) => string;

export interface KeptValues {
  /** Columns whose stored values stay. */
  kept: string[];
  /** JSON columns of which a part stays. */
  overlays: ReadonlyMap<string, Overlay>;
}

/** Finds the fields that the file does not have: in its header, or in any object of an NDJSON file. */
export function findAbsentFields(
  schema: FileSchema,
  { header, format }: { header: readonly string[]; format: { absentFields?: string[] } | null },
): ReadonlySet<string> {
  const match = matchHeader(header, schema);
  const positions = match.ok ? match.match.positions : [];
  const absent = schema.fields.flatMap(({ name }, i) => (positions[i] === -1 ? [name] : []));
  return new Set([...absent, ...(format?.absentFields ?? [])]);
}

export function keepAbsent(schema: RecordSchemaSpec, absent: ReadonlySet<string>): KeptValues {
  const kept: string[] = [];
  const overlays = new Map<string, Overlay>();
  if (absent.size === 0) return { kept, overlays };
  const names = schema.fields.map(({ name }) => name);
  const isAbsent = ({ field, value }: Source): boolean => {
    const inputs =
      field !== undefined ? [field] : value !== undefined ? [...compileExpression(value, names).inputs] : [];
    return inputs.length > 0 && inputs.every((name) => absent.has(name));
  };
  for (const column of schema.target.columns) {
    const members = column.json ?? [];
    const missing = members.filter(isAbsent).map(({ path }) => path.split('.'));
    if (members.length === 0 ? isAbsent(column) : missing.length === members.length) kept.push(column.name);
    else if (missing.length > 0) overlays.set(column.name, overlayOf(column.name, missing));
  }
  return { kept, overlays };
}

/** The members of an object that stay: `true`, or those of a nested object. */
type Kept = Map<string, Kept | true>;

function overlayOf(column: string, paths: readonly string[][]): Overlay {
  const root: Kept = new Map();
  for (const path of paths) {
    let node = root;
    for (const name of path.slice(0, -1)) {
      const child = node.get(name);
      const next: Kept = child instanceof Map ? child : new Map();
      node.set(name, next);
      node = next;
    }
    node.set(path.at(-1)!, true);
  }
  const name = pg.escapeIdentifier(column);
  // The cast by way of text takes columns of every type that may hold JSON.
  return (fresh, stored) => overlaid(root, `(${fresh}.${name})::text::jsonb`, `(${stored}.${name})::text::jsonb`);
}

/** Makes the object `fresh` with the kept members of `stored`. Objects without members are left out, as in new rows. */
function overlaid(kept: Kept, fresh: string, stored: string): string {
  const parts = [...kept].map(([name, node]) => {
    const member = pg.escapeLiteral(name);
    const old = `${stored} -> ${member}`;
    const value = node === true ? old : overlaid(node, `(${fresh} -> ${member})`, `(${old})`);
    return `CASE WHEN coalesce(${value}, '{}') <> '{}' THEN jsonb_build_object(${member}, ${value}) ELSE '{}' END`;
  });
  return `(coalesce(${fresh}, '{}') || ${parts.join(' || ')})`;
}
