/** What one column of a file holds, found out value by value. Pure. */
import { BOOLEAN_PAIRS, CANDIDATES, type Candidate, type FieldShape, MISSING_WORDS } from './candidates.ts';
import { hasWord, looksLikeCode, looksLikeId } from './words.ts';

/** Distinct values beyond these are not kept. */
const MOST_DISTINCT = 1000;
/** So many values of a type are no chance. */
const LEAST_BEFORE = 100;
/** A value that is longer is not kept to be compared. */
const LONGEST_KEPT = 256;

export class ColumnProfile {
  readonly name: string;
  /** Values that are neither blank nor a word for "no value". */
  present = 0;
  blank = 0;
  /** How often each word for "no value" occurs. */
  readonly missingWords = new Map<string, number>();
  /** How often each value occurs; complete while {@link isListed}. */
  readonly values = new Map<string, number>();
  isListed = true;
  shortest = Number.POSITIVE_INFINITY;
  longest = 0;
  /** The greatest number; infinite where a number is not written in plain digits. */
  greatest = 0;
  #candidates: Candidate[] = [...CANDIDATES];
  readonly #proven = new Set<Candidate>();

  /** What all values were before the first other text. */
  #spoilt: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  add(text: string, rowNumber: number): void {
    if (text.trim() === '') {
      this.blank += 1;
      return;
    }
    if (MISSING_WORDS.has(text)) {
      this.missingWords.set(text, (this.missingWords.get(text) ?? 0) + 1);
      return;
    }
    this.present += 1;
    if (!this.#countValue(text)) return;
    if (text.length < this.shortest) this.shortest = text.length;
    if (text.length > this.longest) this.longest = text.length;
    if (this.#candidates.length === 0) return;
    const before = this.#candidates;
    this.#candidates = before.filter((candidate) => candidate.accepts(text));
    if (this.#candidates.length === 0) this.#noteLast(before, rowNumber);
    for (const candidate of this.#candidates) if (candidate.proves?.(text)) this.#proven.add(candidate);
    const number = Number(text);
    if (!(number <= this.greatest)) this.greatest = Number.isNaN(number) ? Number.POSITIVE_INFINITY : number;
  }

  /** @returns false where the same value was looked at before */
  #countValue(text: string): boolean {
    const known = this.values.get(text);
    if (known !== undefined) {
      this.values.set(text, known + 1);
      return false;
    }
    if (text.length > LONGEST_KEPT || this.values.size >= MOST_DISTINCT) this.isListed = false;
    else this.values.set(text, 1);
    return true;
  }

  /** The best shape that reads all values, and others that do, too. */
  chooseShape(): ChosenShape {
    const text: FieldShape = { type: 'string' };
    if (this.present === 0) return { shape: text, notes: ['no value to tell the type from'] };
    const pair = this.#findBooleanPair();
    if (pair) return { shape: pair, notes: [] };
    const fitting = this.#candidates.filter(
      (candidate) =>
        (!candidate.proves || this.#proven.has(candidate)) &&
        (!candidate.words || hasWord(this.name, ...candidate.words)),
    );
    const chosen = fitting[0];
    if (!chosen) return { shape: text, notes: this.#spoilt === null ? [] : [this.#spoilt] };
    const isNumber = chosen.shape.type === 'integer' || chosen.shape.type === 'number';
    if (isNumber && looksLikeCode(this.name))
      return { shape: text, notes: ['the name says a code: text keeps leading zeros'] };
    if (chosen.shape.type === 'integer' && this.#isSparseId())
      return { shape: text, notes: ['numbers of different lengths that do not count up: text keeps them as they are'] };
    return { shape: chosen.shape, notes: this.#describeRivals(chosen, fitting) };
  }

  /** Many values of a type and then one that is not are more likely a mistake in the file than texts. */
  #noteLast(candidates: Candidate[], rowNumber: number): void {
    const last = candidates.find(({ proves, words }) => !proves && !words);
    if (!last || this.present <= LEAST_BEFORE) return;
    const { type, format } = last.shape;
    this.#spoilt =
      `every value is a ${type === 'string' ? format : type} before row ${rowNumber}, which has another text`.replace(
        / a ([aeiou])/,
        ' an $1',
      );
  }

  /** An identifier of somebody else's system, rather than a number that counts up. */
  #isSparseId(): boolean {
    return looksLikeId(this.name) && this.shortest !== this.longest && this.greatest > 1000 + this.present * 100;
  }

  #findBooleanPair(): FieldShape | null {
    if (!this.isListed || this.values.size < 2 || this.values.size > 4) return null;
    const values = [...this.values.keys()];
    for (const [yes, no] of BOOLEAN_PAIRS) {
      const trueValues = values.filter((value) => value.toLowerCase() === yes);
      const falseValues = values.filter((value) => value.toLowerCase() === no);
      if (trueValues.length === 0 || falseValues.length === 0) continue;
      if (trueValues.length + falseValues.length === values.length) return { type: 'boolean', trueValues, falseValues };
    }
    return null;
  }

  /** Day and month may change places without a value that says so. */
  #describeRivals(chosen: Candidate, fitting: Candidate[]): string[] {
    const { type, format } = chosen.shape;
    if (format === undefined || !format.includes('%m')) return [];
    const swapped = swapDayAndMonth(format);
    const rival = fitting.find((candidate) => candidate.shape.type === type && candidate.shape.format === swapped);
    return rival ? [`month before day; ${swapped} reads every value, too`] : [];
  }
}

export interface ChosenShape {
  shape: FieldShape;
  /** What a person should know who looks at the choice. */
  notes: string[];
}

function swapDayAndMonth(format: string): string {
  return format.replace(/%[md]/g, (word) => (word === '%m' ? '%d' : '%m'));
}
