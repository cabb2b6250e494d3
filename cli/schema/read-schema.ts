/** Reads a RecordSchema file: the manifest that `kubectl apply` takes, or its spec alone. Pure. */
import { isMap, isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { RECORD_SCHEMA_CRD } from '#api/record-schema-crd.gen.ts';
import { applyDefaults, checkStructure, type StructuralSchema } from '#api/structure/check-structure.ts';
import { formatPlace, type Place, parsePlace } from '#api/structure/place.ts';
import { findSchemaFaults } from '#runner/record-processor.ts';
import type { SchemaProblem } from './problem.ts';

export type ReadSchema =
  | { ok: true; spec: RecordSchemaSpec; name: string | null }
  | { ok: false; problems: SchemaProblem[] };

const API_VERSION = 'batchupload.dev/v1alpha1';
const KIND = 'RecordSchema';
const CRD = RECORD_SCHEMA_CRD as StructuralSchema;

export function readSchema(text: string): ReadSchema {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true });
  const list = Array.isArray(documents) ? documents : [];
  const problems: SchemaProblem[] = list.flatMap(({ errors }) =>
    errors.map(({ message, linePos }) => ({ path: '', message: firstLine(message), line: linePos?.[0].line ?? null })),
  );
  if (problems.length > 0) return { ok: false, problems };
  const filled = list.filter(({ contents }) => contents !== null);
  const document = filled.find((candidate) => candidate.get('kind') === KIND) ?? filled[0];
  if (!document || !isMap(document.contents)) {
    const message = 'The file holds no RecordSchema. Write one, or let `batch-upload infer` propose one from a file.';
    return { ok: false, problems: [{ path: '', message, line: null }] };
  }
  const manifest = document.toJS() as Record<string, unknown>;
  // A bare spec has the paths of the whole manifest, so that a message fits both.
  const isBare = manifest['spec'] === undefined && manifest['kind'] === undefined;
  const whole = isBare ? { apiVersion: API_VERSION, kind: KIND, spec: manifest } : manifest;
  const lineOf = (place: Place): number | null => {
    for (let end = place.length; end >= 0; end -= 1) {
      const node = document.getIn(isBare ? place.slice(1, end) : place.slice(0, end), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return null;
  };
  const found = [...checkHead(whole), ...checkSpec(whole)];
  if (found.length > 0) {
    const located = found.map(({ place, message }) => ({ path: formatPlace(place), message, line: lineOf(place) }));
    return { ok: false, problems: located.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
  }
  const name = (whole['metadata'] as { name?: unknown } | undefined)?.name;
  return { ok: true, spec: whole['spec'] as RecordSchemaSpec, name: typeof name === 'string' ? name : null };
}

interface Found {
  place: Place;
  message: string;
}

function checkHead(manifest: Record<string, unknown>): Found[] {
  const expected = [
    ['apiVersion', API_VERSION],
    ['kind', KIND],
  ] as const;
  return expected.flatMap(([name, value]) =>
    manifest[name] === value ? [] : [{ place: [name], message: `must be ${value}` }],
  );
}

/** The structure first: what it refuses cannot be compiled. */
function checkSpec(manifest: Record<string, unknown>): Found[] {
  applyDefaults(CRD, manifest);
  const { apiVersion: _apiVersion, kind: _kind, ...rest } = manifest;
  const problems = checkStructure(CRD, rest);
  return problems.length > 0 ? problems : findCompileProblems(manifest['spec'] as RecordSchemaSpec);
}

function findCompileProblems(spec: RecordSchemaSpec): Found[] {
  return findSchemaFaults(spec).map(({ path, message }) => ({
    place: parsePlace(path),
    message: message.slice(path.length + ': '.length),
  }));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.replace(/ at line [0-9]+, column [0-9]+:?$/, '');
}
