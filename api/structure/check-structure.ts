/**
 * Checks a value against the structural schema of a CRD as an API server does, and says everything that is wrong at once.
 * Source: Kubernetes' documentation, "Custom Resources: specifying a structural schema".
 *
 * No library: the schema has a dozen keywords of JSON Schema beside Kubernetes' own, for which a library would have to be taught, and the
 * libraries at hand compile code from text, which a page with a content security policy may not run.
 */
import { evaluateRule } from './evaluate-rule.ts';
import { formatPlace, type Place } from './place.ts';

/** The keywords that the CRDs of this project use. */
export interface StructuralSchema {
  type?: string;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  maxProperties?: number;
  required?: string[];
  items?: StructuralSchema;
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  default?: unknown;
  format?: string;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
}

export interface StructureProblem {
  place: Place;
  message: string;
}

/** Fills in the defaults of absent properties, in place. */
export function applyDefaults(schema: StructuralSchema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) applyDefaults(schema.items, item);
  } else if (isObject(value)) {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (value[name] === undefined && property.default !== undefined) value[name] = structuredClone(property.default);
      applyDefaults(property, value[name]);
    }
  }
}

/** @returns the problems in the order of the value */
export function checkStructure(schema: StructuralSchema, value: unknown, place: Place = []): StructureProblem[] {
  const problems: StructureProblem[] = [];
  check(schema, value, place, problems);
  return problems;
}

function check(schema: StructuralSchema, value: unknown, place: Place, problems: StructureProblem[]): void {
  const found = typeName(value);
  if (schema.type && found !== schema.type && !(schema.type === 'number' && found === 'integer')) {
    problems.push({ place, message: wrongType(schema.type, value, found) });
    return;
  }
  if (schema['x-kubernetes-int-or-string'] && found !== 'integer' && found !== 'string') {
    problems.push({ place, message: `must be a string or a whole number, but is ${withArticle(found)}` });
    return;
  }
  const before = problems.length;
  for (const message of checkValue(schema, value)) problems.push({ place, message });
  if (isObject(value)) checkObject(schema, value, place, problems);
  else if (Array.isArray(value)) checkList(schema, value, place, problems);
  const isSound = problems.length === before;
  for (const { rule, message, fieldPath } of schema['x-kubernetes-validations'] ?? []) {
    const holds = evaluateRule(rule, value);
    // A rule that cannot be computed from a value with problems says nothing that the problems do not say.
    if (holds || (holds === null && !isSound)) continue;
    problems.push({ place: fieldPath ? [...place, ...fieldPath.split('.').slice(1)] : place, message });
  }
}

function wrongType(wanted: string, value: unknown, found: string): string {
  if (found === 'null') return `has no value; ${withArticle(wanted)} is expected`;
  const hint =
    wanted === 'string' && ['integer', 'number', 'boolean'].includes(found)
      ? `: write it in quotes, as in "${String(value)}"`
      : wanted === 'array'
        ? ': write a list, as in [a, b]'
        : '';
  return `must be ${withArticle(wanted)}, but is ${withArticle(found)}${hint}`;
}

function withArticle(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function* checkValue(schema: StructuralSchema, value: unknown): Generator<string> {
  if (schema.enum && !schema.enum.includes(value)) {
    const nearest = typeof value === 'string' ? findNearest(value, schema.enum.map(String)) : null;
    yield `must be one of ${schema.enum.join(', ')}${nearest ? `; did you mean ${nearest}?` : ''}`;
  }
  if (typeof value === 'string') {
    const length = [...value].length;
    const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema;
    if (length < minLength) yield 'must not be empty';
    if (length > maxLength)
      yield `must have at most ${maxLength} ${maxLength === 1 ? 'character' : 'characters'}, but has ${length}`;
    if (pattern !== undefined && length >= minLength && !new RegExp(pattern, 'u').test(value))
      yield `must match ${pattern}`;
  }
  if (typeof value === 'number') {
    const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
    if (value < minimum) yield `must be at least ${minimum}`;
    if (value > maximum) yield `must be at most ${maximum}`;
  }
}

function checkObject(
  schema: StructuralSchema,
  value: Record<string, unknown>,
  place: Place,
  problems: StructureProblem[],
): void {
  const { properties, additionalProperties, required = [], maxProperties = Number.POSITIVE_INFINITY } = schema;
  const count = Object.keys(value).length;
  if (count > maxProperties)
    problems.push({ place, message: `must have at most ${maxProperties} properties, but has ${count}` });
  for (const name of required) {
    if (value[name] === undefined) problems.push({ place: [...place, name], message: 'is missing' });
  }
  // An object without properties, such as metadata, may hold anything.
  if (!properties && !additionalProperties) return;
  for (const [name, child] of Object.entries(value)) {
    const property = properties && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (property) {
      if (child !== undefined) check(property, child, [...place, name], problems);
      continue;
    }
    const known = Object.keys(properties ?? {});
    const nearest = findNearest(name, known);
    const advice = nearest ? `did you mean ${nearest}?` : `known are ${known.join(', ')}`;
    problems.push({ place: [...place, name], message: `is not a known property; ${advice}` });
  }
}

function checkList(schema: StructuralSchema, value: unknown[], place: Place, problems: StructureProblem[]): void {
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = schema;
  if (value.length < minItems) problems.push({ place, message: 'must not be an empty list' });
  if (value.length > maxItems)
    problems.push({ place, message: `must have at most ${maxItems} items, but has ${value.length}` });
  if (items) for (const [i, item] of value.entries()) check(items, item, [...place, i], problems);
  problems.push(...findRepeated(schema, value, place));
}

function findRepeated(schema: StructuralSchema, value: unknown[], place: Place): StructureProblem[] {
  const keys = schema['x-kubernetes-list-map-keys'];
  const isMap = schema['x-kubernetes-list-type'] === 'map' && keys !== undefined;
  if (!isMap && schema['x-kubernetes-list-type'] !== 'set') return [];
  const seen = new Map<string, number>();
  return value.flatMap((item, i) => {
    const own = isMap && isObject(item) ? keys.map((key) => item[key]) : item;
    if (own === undefined || (isMap && !isObject(item))) return [];
    const text = JSON.stringify(own);
    const first = seen.get(text);
    if (first === undefined) {
      seen.set(text, i);
      return [];
    }
    const what = isMap ? `has the same ${keys.join(' and ')} as` : 'is the same as';
    return [
      { place: isMap ? [...place, i, keys[0]!] : [...place, i], message: `${what} ${formatPlace([...place, first])}` },
    ];
  });
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The word that differs in at most two letters, or in upper and lower case. */
export function findNearest(word: string, words: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.min(3, Math.ceil(word.length / 2) + 1);
  for (const candidate of words) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
