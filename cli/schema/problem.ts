/** One thing that is wrong with a RecordSchema file. */
export interface SchemaProblem {
  /** As in `spec.fields[2].type`; empty for the file as a whole. */
  path: string;
  message: string;
  /** The line of the YAML file, from 1; null where no line is known. */
  line: number | null;
}

/** A place in a document: names of properties and positions in lists. */
export type Place = readonly (string | number)[];

export function formatPlace(place: Place): string {
  return place.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** Reads what {@link formatPlace} writes. */
export function parsePlace(path: string): Place {
  return [...path.matchAll(/\[([0-9]+)\]|([^.[\]]+)/g)].map(([, index, name]) => (index ? Number(index) : name!));
}
