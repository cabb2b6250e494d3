/** Texts of a workbook, in a cell or in the table of shared strings. Source: ECMA-376 part 1, 18.4. */
import { elements, type XmlElement } from './read-xml.ts';

/**
 * Makes the elements of a text: `t`, and the `t` of every run `r` of a formatted text. The reading aids of Asian
 * scripts (`rPh`) are no part of the text.
 * @param take gets the text of each `t`, decoded. @param limit the most characters of one `t`
 */
export function stringElements(take: (text: string) => void, limit: { characters: number; fault(): Error }) {
  const t = xstringElement(take, limit);
  return elements({ t, r: { children: elements({ t }) } });
}

/** Makes an element whose text may have escapes. */
export function xstringElement(
  take: (text: string) => void,
  { characters, fault }: { characters: number; fault(): Error },
): XmlElement {
  let content = '';
  return {
    open() {
      content = '';
    },
    text(text) {
      content += text;
      if (content.length > characters) throw fault();
    },
    close() {
      take(decodeEscapes(content));
    },
  };
}

/**
 * A workbook writes a character that XML cannot hold as _x000D_, and an underscore that looks like such an escape as
 * _x005F_.
 */
export function decodeEscapes(text: string): string {
  return text.includes('_x')
    ? text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
}
