/**
 * The catalogue: every text that a person reads on the page, by its key. English is the reference, and another language has
 * the same keys. Needs no DOM, so that the gateway's pages without JavaScript have the same texts.
 */
import { session as enSession } from './en/session.ts';
import { shell as enShell } from './en/shell.ts';
import { session as esSession } from './es/session.ts';
import { shell as esShell } from './es/shell.ts';

const en = { ...enShell, ...enSession } as const;
export type TextKey = keyof typeof en;
export type Language = 'en' | 'es';
export const CATALOGUES: Record<Language, Record<TextKey, string>> = { en, es: { ...esShell, ...esSession } };

export type TextValues = Record<string, string | number>;

/** @param values take the place of `{name}` in the text */
export function text(key: TextKey, values: TextValues = {}, language: Language = 'en'): string {
  return CATALOGUES[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
