/** Characters that nobody sees: soft hyphens, joiners, marks of direction and of the byte order. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]/g;

/** The name of a column as a person sees it. Two columns with the same visible name are one and the same to an upload. */
export function visibleName(name: string): string {
  return name.replace(INVISIBLE, '').normalize('NFC').trim();
}

/**
 * Tells headers apart for which the same columns can be chosen: by their visible names, each once, in any order. Names that
 * nobody sees do not count.
 * @returns JSON, of which the ledger keeps the SHA-256
 */
export function headerKey(header: readonly string[]): string {
  return JSON.stringify([...new Set(header.map(visibleName))].filter((name) => name !== '').sort());
}
