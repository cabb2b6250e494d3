/**
 * The catalogue: every text that a person reads on the page, by its key. English is the reference, and another language has
 * the same keys. Needs no DOM, so that the gateway's pages without JavaScript have the same texts.
 */

import { forms as enForms } from './en/forms.ts';
import { problems as enProblems } from './en/problems.ts';
import { send as enSend } from './en/send.ts';
import { session as enSession } from './en/session.ts';
import { shell as enShell } from './en/shell.ts';
import { templates as enTemplates } from './en/templates.ts';
import { views as enViews } from './en/views.ts';
import { wizard as enWizard } from './en/wizard.ts';
import { forms as esForms } from './es/forms.ts';
import { problems as esProblems } from './es/problems.ts';
import { send as esSend } from './es/send.ts';
import { session as esSession } from './es/session.ts';
import { shell as esShell } from './es/shell.ts';
import { templates as esTemplates } from './es/templates.ts';
import { views as esViews } from './es/views.ts';
import { wizard as esWizard } from './es/wizard.ts';

/** A text whose words depend on the number `count`, by the plural categories of Intl.PluralRules. */
export type Plural = { [category in Intl.LDMLPluralRule]?: string } & { other: string };
export type Entry = string | Plural;

const en = {
  ...enShell,
  ...enViews,
  ...enTemplates,
  ...enProblems,
  ...enSession,
  ...enWizard,
  ...enSend,
  ...enForms,
} as const;

export type TextKey = keyof typeof en;
export type Language = 'en' | 'es';
/** The languages of the page, each by its own name. */
export const LANGUAGES: Record<Language, string> = { en: 'English', es: 'Español' };
export const CATALOGUES: Record<Language, Record<TextKey, Entry>> = {
  en,
  es: { ...esShell, ...esViews, ...esTemplates, ...esProblems, ...esSession, ...esWizard, ...esSend, ...esForms },
};

/** A number is written as the language writes numbers. */
export type TextValues = Record<string, string | number>;

/** The names in braces of a text, such as `name` in `Hello {name}`. */
type Names<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesOf<K extends TextKey> = K extends TextKey
  ? (typeof en)[K] extends string
    ? Names<(typeof en)[K]>
    : Names<(typeof en)[K][keyof (typeof en)[K]]> | 'count'
  : never;
/** What `text` needs besides the key: nothing for a text without names in braces. */
export type ValuesOf<K extends TextKey> = [NamesOf<K>] extends [never]
  ? Record<string, never>
  : Record<NamesOf<K>, string | number>;

/** @param values take the place of `{name}` in the text; `count` chooses among the words of a plural */
export function text<K extends TextKey>(key: K, values: ValuesOf<K>, language: Language): string {
  return fill(language, CATALOGUES[language][key], values);
}

export function fill(language: Language, entry: Entry, values: TextValues): string {
  const pattern = typeof entry === 'string' ? entry : choose(language, entry, values['count']);
  return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? numberFormat(language).format(value) : value.replace(TURNS_TEXT, '\uFFFD');
  });
}

/** Characters that turn the direction of the text behind them: a file name with one would turn the sentence around it. */
const TURNS_TEXT = /[\u202A-\u202E\u2066-\u2069]/g;

function choose(language: Language, entry: Plural, count: string | number | undefined): string {
  return entry[pluralRules(language).select(Number(count))] ?? entry.other;
}

/** Making a formatter takes longer than using it. */
const formats = new Map<string, unknown>();

function known<T>(key: string, make: () => T): T {
  if (!formats.has(key)) formats.set(key, make());
  return formats.get(key) as T;
}

const pluralRules = (language: Language) => known(`plural ${language}`, () => new Intl.PluralRules(language));
/** Spanish groups the digits of numbers with four digits, too, so that numbers in a column look alike. */
const numberFormat = (language: Language) =>
  known(`number ${language}`, () => new Intl.NumberFormat(language, { useGrouping: 'always' }));

/** Has the catalogue a text with this key? */
export const isTextKey = (key: string): key is TextKey => Object.hasOwn(en, key);

/** Is this a language of the page? */
export function isLanguage(word: string): word is Language {
  return Object.hasOwn(LANGUAGES, word);
}

/** @param wanted language tags, the most wanted first, such as navigator.languages or those of Accept-Language */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const word = tag.toLowerCase().split('-')[0]!;
    if (isLanguage(word)) return word;
  }
  return 'en';
}
