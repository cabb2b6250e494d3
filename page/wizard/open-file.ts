/** Puts together what the steps after the first one need: the schema, and what its columns may be. */
import type { ColumnMapping } from '#api/source-format.ts';
import { matchColumns } from '#page/check/match-columns.ts';
import { toMapping } from './columns.ts';
import { findColumnErrors } from './find-column-errors.ts';
import { type LoadedSchema, loadSchema } from './load-schema.ts';
import type { PickedFile } from './pick-step.tsx';
import { type ProposedColumn, proposeColumns } from './propose-columns.ts';
import { loadRemembered } from './remembered-columns.ts';
import { readSamples } from './sample-values.ts';

export interface OpenedFile {
  picked: PickedFile;
  schema: LoadedSchema;
  /** Without nameless columns at the end. */
  header: string[];
  proposed: ProposedColumn[];
  samples: string[][];
  /** What the columns are, where nobody need be asked; null where a person decides. */
  columns: ColumnMapping[] | null;
}

export interface Opening {
  namespace: string;
  picked: PickedFile;
  schema: string;
}

/** @throws ProblemError */
export async function openFile({ namespace, picked, schema: name }: Opening, signal: AbortSignal): Promise<OpenedFile> {
  const schema = await loadSchema(namespace, name, signal);
  const { fits, fieldOfColumn } = matchColumns(picked.facts.header, schema.spec);
  const header = picked.facts.header.slice(0, fieldOfColumn.length);
  const { fields } = schema.spec;
  const before = fits ? [] : await loadRemembered(namespace, name, header, signal);
  const samples = fits ? header.map((): string[] => []) : await readSamples(picked.file, header);
  const proposed = proposeColumns({ header, fields, fieldOfColumn, before, samples });
  const opened = { picked, schema, header, proposed, samples };
  if (fits) return { ...opened, columns: [] };
  const choices = proposed.map(({ choice }) => choice);
  const isKnown = before.length > 0 && proposed.every(({ reason }) => reason === 'Before' || reason === 'Name');
  const isRight = isKnown && findColumnErrors(header, schema.spec, choices).length === 0;
  return { ...opened, columns: isRight ? toMapping(header, schema.spec, choices) : null };
}
