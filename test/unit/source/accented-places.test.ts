import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accentedLines, accentedPlaces } from '#runner/source/accented-places.ts';
import { LIKELY_SEQUENCE, SEQUENCE } from '#runner/source/likely-utf8.ts';
import { countSymbols, countWords } from '#runner/source/western-text.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

describe('the places with bytes beyond ASCII', () => {
  it.each([
    ['none', 'id,name\n1,Zoe\n', ''],
    ['a word, with what stands around it', '1234567,Caf\xe9s au lait', '67,Caf\xe9s au'],
    ['two words far from each other', 'Caf\xe9s,1234567,\xfcber', 'Caf\xe9s,12\n67,\xfcber'],
    ['two words beside each other', 'Zo\xeb, No\xebl', 'Zo\xeb, No\xebl'],
    ['a sign within the bytes around a word', 'Caf\xe9 \x96 Bar', 'Caf\xe9 \x96 Ba'],
    ['a line that follows', 'Caf\xe9\n123\x80', 'Caf\xe9\n123\x80'],
  ])('%s', (_name, text, places) => {
    expect(accentedPlaces(latin1(text))).toBe(places);
  });

  it('hold all evidence of the text', () => {
    const char = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...'abcdzABCDZ019 .,;"(\n\r') },
      { weight: 2, arbitrary: fc.integer({ min: 0x80, max: 0xff }).map((byte) => String.fromCharCode(byte)) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('e\xe9', '\xc3\xa9', "'\x92s", ' \x93A', 'a\x94', ' \x96 ', '5 \x80', 'm\xb2'),
      },
    );
    const text = fc.array(char, { maxLength: 200 }).map((chars) => chars.join(''));
    const count = (view: string, pattern: RegExp) => [...view.matchAll(pattern)].map(([match]) => match);
    const evidence = (view: string) => ({
      words: countWords(view),
      symbols: countSymbols(view),
      sequences: count(view, SEQUENCE),
      likely: count(view, LIKELY_SEQUENCE),
    });
    fc.assert(
      fc.property(text, (view) => {
        expect(evidence(accentedPlaces(latin1(view)))).toEqual(evidence(view));
      }),
      { numRuns: 2000 },
    );
  });
});

it('the lines with bytes beyond ASCII, up to a length', () => {
  const text = 'id\n1,Caf\xe9\r\n2,Zoe\r3,\xfcberlang\n\xe9';
  expect([...accentedLines(latin1(text), 6)]).toEqual(['1,Caf\xe9', '3,\xfcber', '\xe9']);
});
