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
