/** The language that the page is shown in. A component that calls `t` is drawn again when the language changes. */
import { signal } from '@preact/signals';
import { chooseLanguage, isLanguage, type Language, type TextKey, text, type ValuesOf } from './text.ts';

const STORED = 'batch-upload-language';

export const language = signal<Language>('en');

/** The text of the key in the language of the page; `values` are needed where the text has names in braces. */
export function t<K extends TextKey>(
  key: K,
  ...[values]: ValuesOf<K> extends Record<string, never> ? [] : [ValuesOf<K>]
): string {
  return text(key, (values ?? {}) as ValuesOf<K>, language.value);
}

/** The language that was chosen before on this machine, or else the first of the browser's that the page has. */
export function startLanguage(): void {
  const stored = readStored();
  setLanguage(stored !== null && isLanguage(stored) ? stored : chooseLanguage(navigator.languages));
}

export function chooseLanguageOfPage(chosen: Language): void {
  setLanguage(chosen);
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // A browser that stores nothing keeps the language until the page is closed.
  }
}

function setLanguage(chosen: Language): void {
  language.value = chosen;
  document.documentElement.lang = chosen;
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
