import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PROBLEM_TYPES } from '#page/api/problem-error.ts';
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatList,
  formatMoment,
  formatNumber,
  formatPercent,
} from '#page/texts/format.ts';
import { CATALOGUES, chooseLanguage, type Entry, fill, LANGUAGES, type Language, text } from '#page/texts/text.ts';
import { CODES, REFUSED_CODE } from '#runner/processor/faults.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const languages = Object.keys(LANGUAGES) as Language[];
const others = languages.filter((language) => language !== 'en');
const keys = Object.keys(CATALOGUES.en) as (keyof typeof CATALOGUES.en)[];

const patterns = (entry: Entry): string[] => (typeof entry === 'string' ? [entry] : Object.values(entry));
const namesOf = (pattern: string) => [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort();

/** The code that shows texts; the catalogue itself counts for nothing. */
const sources = globSync('{page,operator/gateway}/**/*.{ts,tsx}', {
  cwd: root,
  exclude: ['page/dist/**', 'page/texts/{en,es}/**'],
})
  .map((path) => readFileSync(`${root}${path}`, 'utf8'))
  .join('\n');

describe('the catalogue', () => {
  it.each(others)('has every text in %s, and no other', (language) => {
    expect(Object.keys(CATALOGUES[language]).sort()).toEqual([...keys].sort());
  });

  it.each(others)('names the same values in %s', (language) => {
    const differing = keys.filter((key) => {
      const names = new Set(patterns(CATALOGUES.en[key]).flatMap(namesOf));
      const found = new Set(patterns(CATALOGUES[language][key]).flatMap(namesOf));
      return names.symmetricDifference(found).size > 0;
    });
    expect(differing).toEqual([]);
  });

  it.each(languages)('has each plural of %s', (language) => {
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
    // `many` of Spanish is for millions alone, and has the words of `other` here.
    const needed = pluralCategories.filter((category) => category !== 'many');
    const lacking = keys.filter((key) => {
      const entry: Entry = CATALOGUES[language][key];
      return typeof entry !== 'string' && needed.some((category) => entry[category] === undefined);
    });
    expect(lacking).toEqual([]);
  });

  it('lets no value turn the direction of the words around it', () => {
    const name = 'a\u202Egpj.exe\u2066';
    expect(text('wizard.picked', { name, size: '9 bytes' }, 'en')).toBe('“a\uFFFDgpj.exe\uFFFD” (9 bytes)');
  });

  it('says in Spanish something else than in English', () => {
    const same = keys.filter((key) => JSON.stringify(CATALOGUES.es[key]) === JSON.stringify(CATALOGUES.en[key]));
    expect(same.filter((key) => / /.test(JSON.stringify(CATALOGUES.en[key])))).toEqual([]);
  });

  it('has no text that nobody shows', () => {
    const prefixes = [...sources.matchAll(/`([a-z][\w.-]*[.-])\$\{(?!string\})/g)].map(([, prefix]) => prefix!);
    const unused = keys.filter(
      (key) => !sources.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)),
    );
    expect(unused).toEqual([]);
  });

  it('explains each problem of the gateway and each code of a failed record', () => {
    expect(PROBLEM_TYPES.filter((type) => !(`problem.${type}` in CATALOGUES.en))).toEqual([]);
    const codes = [...Object.values(CODES), REFUSED_CODE, 'DUP_001'];
    expect(codes.filter((code) => !(`code.${code}` in CATALOGUES.en && `code.${code}-mend` in CATALOGUES.en))).toEqual(
      [],
    );
  });
});

describe('a text', () => {
  it('takes values in their places, and writes numbers as the language does', () => {
    expect(text('shell.step', { step: 2, steps: 1234 }, 'en')).toBe('Step 2 of 1,234');
    expect(text('shell.step', { step: 2, steps: 1234 }, 'es')).toBe('Paso 2 de 1.234');
  });

  it('takes a value that looks like a name in braces as it is', () => {
    expect(text('workspaces.none-what-to-do', { user: '{count} $& <b>' }, 'en')).toContain('is {count} $& <b>.');
  });

  it.each([
    [0, '0 records'],
    [1, '1 record'],
    [2, '2 records'],
    [1_000_000, '1,000,000 records'],
  ])('has the words of %d', (count, words) => {
    expect(text('faults.count', { count }, 'en')).toBe(words);
  });

  it('has the words of a million in Spanish', () => {
    expect(text('faults.count', { count: 1_000_000 }, 'es')).toBe('1.000.000 registros');
  });

  it('keeps a name whose value is missing, so that the mistake is seen', () => {
    expect(fill('en', 'Hello {name}', {})).toBe('Hello {name}');
  });
});

describe('the language', () => {
  it.each([
    [['es-MX', 'en'], 'es'],
    [['fr', 'ES'], 'es'],
    [['en-GB', 'es'], 'en'],
    [['fr', 'de'], 'en'],
    [[], 'en'],
    [['constructor', '__proto__'], 'en'],
  ])('of a person who wants %j', (wanted, language) => {
    expect(chooseLanguage(wanted)).toBe(language);
  });
});

describe('numbers and times', () => {
  const NOW = Date.parse('2026-03-01T12:00:00Z');

  it('are written as the language does', () => {
    expect([formatNumber('en', 1234), formatNumber('es', 1234)]).toEqual(['1,234', '1.234']);
    expect([
      formatMoment('en', '2026-01-31T23:05:00Z', 'UTC'),
      formatMoment('es', '2026-01-31T23:05:00Z', 'UTC'),
    ]).toEqual([expect.stringMatching(/^Jan 31, 2026, 11:05\sPM$/), '31 ene 2026, 23:05']);
    expect(formatList('es', ['a', 'b', 'c'])).toBe('a, b y c');
  });

  it.each([
    [0, '0%'],
    [0.004, '0%'],
    [0.999, '99%'],
    [1, '100%'],
  ])('a share of %d is never shown as more than is done', (share, shown) => {
    expect(formatPercent('en', share)).toBe(shown);
  });

  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [999_600, '1 MB'],
    [4_812_345, '4.8 MB'],
    [52_000_000, '52 MB'],
    [5e12, '5 TB'],
    [5e15, '5,000 TB'],
  ])('%d bytes', (bytes, shown) => {
    expect(formatBytes('en', bytes)).toBe(shown);
  });

  it.each([
    [0.2, '1 second'],
    [59.4, '59 seconds'],
    [59.6, '1 minute'],
    [3_599, '1 hour'],
    [3_660, '1 hour, 1 minute'],
    [86_400 * 2 + 3_600, '2 days, 1 hour'],
  ])('%d seconds', (seconds, shown) => {
    expect(formatDuration('en', seconds)).toBe(shown);
  });

  it.each([
    ['2026-03-01T12:00:20Z', 'now'],
    ['2026-03-01T11:59:01Z', 'now'],
    ['2026-03-01T11:58:59Z', '1 minute ago'],
    ['2026-03-01T09:30:00Z', '2 hours ago'],
    ['2026-02-28T11:00:00Z', 'yesterday'],
    ['2026-02-01T12:00:00Z', '28 days ago'],
  ])('the age of %s', (at, shown) => {
    expect(formatAge('en', at, NOW)).toBe(shown);
  });

  it('leave what is no time as it is', () => {
    expect([formatMoment('en', 'soon'), formatAge('en', '', NOW)]).toEqual(['soon', '']);
  });
});
