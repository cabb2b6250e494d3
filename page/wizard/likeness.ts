/** How alike two names are, from 0 (nothing in common) to 1 (the same). Pure. */
import { normalizeName } from '#runner/csv/header.ts';

const ABBREVIATION = 0.75;
const INITIALS = 0.7;
/** Below this share of equal letters, the edit distance says nothing: any two words have letters in common. */
const LEAST_EQUAL = 0.6;
/** Longer names are compared by their words alone, since the edit distance takes time by the square of the length. */
const MOST_LETTERS = 64;

/** A name, made ready to be compared with many others. */
export interface PreparedName {
  /** Without accents, spaces and marks, in small letters. */
  compact: string;
  words: readonly string[];
}

export function prepareName(name: string): PreparedName {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '');
  const words = plain
    .replace(/(\p{Ll}|\p{N})(?=\p{Lu})/gu, '$1 ')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
  return { compact: normalizeName(words.join('')), words };
}

/** The greatest of several measures: equal letters, words in common, an abbreviation, a typing error. */
export function likenessOf(a: PreparedName, b: PreparedName): number {
  if (a.compact === '' || b.compact === '') return 0;
  if (a.compact === b.compact) return 1;
  return Math.max(wordsInCommon(a, b), abbreviation(a, b), abbreviation(b, a), equalLetters(a.compact, b.compact));
}

/** A word of one name counts for a word of the other in another number or with a typing error (`dates`, `adress`). */
function wordsInCommon({ words: a }: PreparedName, { words: b }: PreparedName): number {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const left = [...long];
  let common = 0;
  for (const word of short) {
    const found = left.findIndex((other) => other === word || equalLetters(word, other) >= 0.8);
    if (found === -1) continue;
    left.splice(found, 1);
    common += 1;
  }
  if (common === 0) return 0;
  // All words of the shorter name: "birth date" in "date of birth of the child".
  if (common === short.length && common < long.length) return 0.6 + (0.3 * common) / long.length;
  return (0.9 * common) / (short.length + long.length - common);
}

/** `qty` for quantity, `dob` for date of birth, `lname` for last name. */
function abbreviation(short: PreparedName, long: PreparedName): number {
  const letters = short.compact;
  if (letters.length < 2 || letters.length >= long.compact.length || letters[0] !== long.compact[0]) return 0;
  if (long.words.length > 1 && letters === long.words.map(([first]) => first).join('')) return INITIALS;
  if (letters.length < 3) return 0;
  let at = 0;
  for (const letter of long.compact) if (letter === letters[at]) at += 1;
  if (at < letters.length) return 0;
  // Much of the longer name must be there: nearly every long name has any three letters in this order.
  return ABBREVIATION * Math.min(1, 0.5 + letters.length / long.compact.length);
}

/** @returns the share of equal letters by the edit distance with swapped neighbours; 0 below {@link LEAST_EQUAL} */
function equalLetters(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  if (length < 4 || length > MOST_LETTERS) return 0;
  // The difference of the lengths alone is too much.
  if (1 - Math.abs(a.length - b.length) / length < LEAST_EQUAL) return 0;
  const equal = 1 - editDistance(a, b) / length;
  return equal < LEAST_EQUAL ? 0 : equal;
}

/** The distance of optimal string alignment: insertions, deletions, replacements, and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
