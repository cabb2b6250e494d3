import { visibleName } from '#runner/csv/header.ts';

/** What the gateway makes the hash of a header from: the visible names, each once, sorted. */
export function headerKey(header: readonly string[]): string {
  return JSON.stringify([...new Set(header.map(visibleName))].filter((name) => name !== '').sort());
}
