/** Characters that nobody sees: soft hyphens, joiners, marks of direction and of the byte order. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]/g;

/** The name of a column as a person sees it. Two columns with the same visible name are one and the same to an upload. */
export function visibleName(name: string): string {
  return name.replace(INVISIBLE, '').normalize('NFC').trim();
}
