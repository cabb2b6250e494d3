/** What the check and the columns need of the chosen schema, and what was chosen for a header before. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { call } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import type { CheckRequest } from '#page/check/protocol.ts';

export interface LoadedSchema {
  name: string;
  spec: RecordSchemaSpec;
  columnTypes: CheckRequest['columnTypes'];
  /** The names of the fields that every record must have. */
  required: ReadonlySet<string>;
}

interface Processor {
  /** Without the name of the table, which no check needs. */
  spec: RecordSchemaSpec;
  columnTypes: CheckRequest['columnTypes'];
}

/** @throws ProblemError */
export async function loadSchema(namespace: string, name: string, signal: AbortSignal): Promise<LoadedSchema> {
  const path = apiPath(namespace, 'schemas', name, 'processor');
  const { spec, columnTypes } = await call<Processor>('GET', path, undefined, { signal });
  const { fields, primaryKey = [] } = spec;
  const required = fields.filter((field) => field.constraints?.required).map((field) => field.name);
  return { name, spec, columnTypes, required: new Set([...required, ...primaryKey]) };
}
