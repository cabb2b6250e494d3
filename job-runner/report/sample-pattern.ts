/**
 * Writes a text that a regular expression accepts, for the examples of a template. Covers what patterns of files use; a caller checks
 * the text by the pattern itself, since a construct that is not covered gives a text that is not accepted. Pure.
 */

/** @param extra repetitions beyond the least, where a quantifier allows more */
export function samplePattern(pattern: string, extra: number): string {
  return new Sampler(pattern, extra).alternatives();
}

/** Quantifiers within quantifiers would fill the memory. */
const MOST_CHARACTERS = 5000;

function repeat(text: string, times: number): string {
  return text === '' ? '' : text.repeat(Math.min(times, Math.ceil(MOST_CHARACTERS / text.length)));
}

const WORD = 'A';
const DIGIT = '1';

class Sampler {
  readonly #pattern: string;
  readonly #extra: number;
  #at = 0;

  constructor(pattern: string, extra: number) {
    this.#pattern = pattern;
    this.#extra = extra;
  }

  /** The first alternative that gives a text. */
  alternatives(): string {
    let chosen = this.#sequence();
    while (this.#take('|')) {
      const next = this.#sequence();
      if (chosen === '') chosen = next;
    }
    return chosen;
  }

  #sequence(): string {
    let text = '';
    while (this.#at < this.#pattern.length && !'|)'.includes(this.#pattern[this.#at]!)) {
      const atom = this.#atom();
      text += repeat(atom, this.#quantifier());
      if (text.length > MOST_CHARACTERS) text = text.slice(0, MOST_CHARACTERS);
    }
    return text;
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #atom(): string {
    if (this.#take('(')) {
      this.#match(/\?(?:P?<[A-Za-z0-9_]+>|[a-zA-Z-]*:?)/y);
      const text = this.alternatives();
      this.#take(')');
      return text;
    }
    if (this.#take('[')) return this.#class();
    if (this.#take('^') || this.#take('$')) return '';
    if (this.#take('.')) return WORD;
    if (this.#take('\\')) return this.#escape();
    return this.#character();
  }

  #character(): string {
    const character = String.fromCodePoint(this.#pattern.codePointAt(this.#at) ?? 0x41);
    this.#at += character.length;
    return character;
  }

  #escape(): string {
    if (this.#match(/[pP](?:\{[^}]*\}|.)/y)) return WORD;
    const letter = this.#character();
    if (letter === 'd') return DIGIT;
    if ('wWSD'.includes(letter)) return WORD;
    if (letter === 's') return ' ';
    return 'bBAz'.includes(letter) ? '' : letter;
  }

  /** A character of a class; of a negated class a likely one that the class does not name. */
  #class(): string {
    const start = this.#at;
    const isNegated = this.#take('^');
    const members: string[] = [];
    while (this.#at < this.#pattern.length && (members.length === 0 || this.#pattern[this.#at] !== ']')) {
      if (this.#match(/\[:[a-z]+:\]/y))
        members.push(this.#pattern.slice(start, this.#at).includes('digit') ? DIGIT : WORD);
      else members.push(this.#take('\\') ? this.#escape() : this.#character());
      // The end of a range is not needed: its beginning is a member.
      if (this.#pattern[this.#at] === '-' && this.#pattern[this.#at + 1] !== ']') this.#at += 2;
    }
    this.#take(']');
    const text = this.#pattern.slice(start, this.#at);
    return isNegated
      ? (['a', '1', 'x', '-'].find((character) => !text.includes(character)) ?? WORD)
      : (members[0] ?? WORD);
  }

  #quantifier(): number {
    let times = 1;
    const braces = this.#match(/\{([0-9]+)(,([0-9]*))?\}/y);
    if (braces) {
      const least = Number(braces[1]);
      const most = braces[2] === undefined ? least : braces[3] === '' ? Number.POSITIVE_INFINITY : Number(braces[3]);
      times = Math.min(most, least + this.#extra);
    } else if (this.#take('*')) times = this.#extra;
    else if (this.#take('+')) times = 1 + this.#extra;
    else if (this.#take('?')) times = Math.min(1, this.#extra);
    this.#take('?');
    return times;
  }

  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#pattern);
    if (found) this.#at += found[0].length;
    return found;
  }
}
