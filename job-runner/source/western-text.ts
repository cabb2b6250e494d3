/**
 * Tells whether a text, read as Windows-1252, is one that people of Western Europe write. Each accented letter of these
 * languages stands in a word with letters of ASCII, and the word's accents belong to one language. Bytes of another
 * encoding give words that break these rules. All texts are latin1 views: each character is a byte.
 */

const WORD =
  /[A-Za-z\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff]*[\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff]+[A-Za-z\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff]*/g;
/** The bytes of Windows-1252 for these letters, by the rows of latin1 and by the six that latin1 does not have. */
const EXTRA_LETTERS: Record<string, string> = { š: '\x9a', œ: '\x9c', ž: '\x9e', ÿ: '\xff' };

/**
 * The accents of one language, or of languages whose accents are often in one word. Hungarian, Slovak, Slovene and
 * Czech stand here with those letters alone that the code page of Central Europe has at the same places.
 * Icelandic is missing, since its letters are those of Turkish in another code page.
 */
const ALPHABETS = [
  'àâçéèêëîïôœùûüÿ',
  'äöüßéèáà',
  'áéíóúüñç',
  'áâãàçéêíóôõúü',
  'àèéìòùîó',
  'æøåéèüöäô',
  'åäöéüàáèç',
  'äöüšžå',
  'éèëïöüáóêç',
  'àçèéíïóòúü',
  'áäéíóôöúüšž',
].map((letters) => new Set(Array.from(letters, (letter) => EXTRA_LETTERS[letter] ?? letter)));

const UPPER = '\\x8a\\x8c\\x8e\\x9f\\xc0-\\xd6\\xd8-\\xde';
const LOWER = 'a-z\\x9a\\x9c\\x9e\\xdf-\\xf6\\xf8-\\xff';
/** An accented capital behind a small letter, or between any letter and a small one. */
const STRANGE_CAPITAL = new RegExp(`[${LOWER}][${UPPER}]|[A-Z${UPPER}][${UPPER}][${LOWER}]`);
/** Portuguese has õ before e alone, and ã before few letters; the other places are those of Hungarian and Romanian. */
const STRANGE_TILDE = /[õÕ][^eE]|[õÕ]$|[ãÃ][^oeisnmOEISNM]/;
const LONE_LETTERS = new Set('àÀáÁéÉèÈóÓòÒôÔåÅöÖøØúÚ');

const LOWER_OF: Record<string, string> = { '\x8a': '\x9a', '\x8c': '\x9c', '\x8e': '\x9e', '\x9f': '\xff' };
const toLower = (letter: string) => LOWER_OF[letter] ?? letter.toLowerCase();
const isLetterBeyondAscii = (char: string) => char > '\x7f';

export function countWords(text: string): { fitting: number; contradicting: number } {
  let fitting = 0;
  let contradicting = 0;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    const around = `${text[index - 1] ?? ''}${text[index + word.length] ?? ''}`;
    const verdict = judgeWord(word, around);
    if (verdict === 'fits') fitting += 1;
    else if (verdict === 'contradicts') contradicting += 1;
  }
  return { fitting, contradicting };
}

type Verdict = 'fits' | 'contradicts' | 'neutral';

/** The same words come again and again in a file, and looking one up costs a tenth of judging it. */
const MOST_REMEMBERED = 10_000;
const remembered = new Map<string, Verdict>();

function judgeWord(word: string, around: string): Verdict {
  const key = `${around} ${word}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const verdict = judge(word, around);
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  remembered.set(key, verdict);
  return verdict;
}

function judge(word: string, around: string): Verdict {
  if (!/[A-Za-z]/.test(word)) {
    const alone = word.length === 1 && LONE_LETTERS.has(word) && !/[\x80-\x91\x93-\xaa\xac-\xba\xbc-\xff]/.test(around);
    return alone ? 'neutral' : 'contradicts';
  }
  if (STRANGE_CAPITAL.test(word) || STRANGE_TILDE.test(word)) return 'contradicts';
  const accents = [...word].filter(isLetterBeyondAscii).map(toLower);
  return ALPHABETS.some((alphabet) => accents.every((letter) => alphabet.has(letter))) ? 'fits' : 'contradicts';
}

/** Symbols that never stand between two letters; dots, long dashes and soft hyphens do. */
const SYMBOL_IN_WORD =
  /[A-Za-z\xc0-\xff][\x80\x82-\x84\x86-\x89\x8b\x91\x93-\x95\x98\x99\x9b\xa1-\xac\xae-\xb3\xb5\xb6\xb8-\xbf\xd7\xf7](?=[A-Za-z\xc0-\xff])/g;
/** Symbols that open something or follow a number, directly behind a letter. */
const SYMBOL_BEHIND_WORD =
  /[A-Za-z\xc0-\xff][\x82\x83\x84\x88\x89\x8b\xa1\xac\xaf\xb1\xb6\xb8\xbc-\xbf](?![A-Za-z\xc0-\xff])/g;
/** A square or a cube stands behind a short unit: m², km³, CO². */
const POWER_BEHIND_WORD = /[A-Za-z\xc0-\xff]{4}[\xb2\xb3\xb9]/g;
/** A sign directly before a word, as no text has it. */
const SYMBOL_BEFORE_WORD =
  /(?<![A-Za-z\xc0-\xff])(?:[\x83\x88\x89\x98\x99\xa5\xac\xae\xaf\xb1-\xb3\xb8\xb9](?=[A-Za-z\xc0-\xff])|[\xbc-\xbe](?=[A-Za-z\xc0-\xff]{3}))/g;
/** A low quotation mark with nothing that it opens. */
const OPENS_NOTHING = /[\x82\x84](?![A-Za-z0-9\xc0-\xff])/g;
/** A short dash between two small letters. */
const DASH_IN_WORD = /[a-z\xe0-\xff]\x96(?=[a-z\xe0-\xff])/g;
/** An apostrophe within a long word, unless it is that of an English ending or of a French or Italian elision. */
const APOSTROPHE_IN_WORD = /(?<=[A-Za-z]{3})(?<![ludthz])\x92(?!(?:s|t|d|m|ll|re|ve)(?![a-z]))[a-z]/g;
/** Four bytes beyond ASCII in a row with a symbol among them, which are not one symbol again and again. */
const RUN = /([\x80-\xff])(?!\1\1\1)[\x80-\xff]{3,}/g;

const AGAINST = [
  SYMBOL_IN_WORD,
  SYMBOL_BEHIND_WORD,
  POWER_BEHIND_WORD,
  SYMBOL_BEFORE_WORD,
  OPENS_NOTHING,
  DASH_IN_WORD,
  APOSTROPHE_IN_WORD,
  RUN,
];
/** English endings, quotation marks around words, dashes between spaces, prices and degrees. */
const IN_FAVOUR = [
  /[A-Za-z]\x92(?:s|t|d|m|ll|re|ve)(?![a-z])/g,
  /[\s,;"(]\x93[A-Za-z0-9]/g,
  /[A-Za-z0-9.,!?]\x94/g,
  /[A-Za-z0-9,] [\x96\x97] [A-Za-z0-9]/g,
  /[0-9] ?[\x80\xb0]|[\x80\xa3] ?[0-9]/g,
];

/** Counts the places where symbols stand as people use them, and those where no text has them. */
export function countSymbols(text: string): { fitting: number; contradicting: number } {
  return { fitting: countPlaces(text, IN_FAVOUR), contradicting: countPlaces(text, AGAINST) };
}

function countPlaces(text: string, places: readonly RegExp[]): number {
  let count = 0;
  for (const place of places) for (const _ of text.matchAll(place)) count += 1;
  return count;
}
