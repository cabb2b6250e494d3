/**
 * Reads XML as its bytes come. A document is described as a tree of the elements that are read, so that an element
 * counts only at its own path and in its own namespace. Everything else in the document is skipped.
 */
import { type SaxesAttributeNS, SaxesParser } from 'saxes';
import { peek } from './peek.ts';
import { formatFault } from './source-format.ts';

/** By their names with prefixes, as they are written. */
export type XmlAttributes = Readonly<Record<string, SaxesAttributeNS>>;

export interface XmlElement {
  open?(attributes: XmlAttributes): void;
  /** Called with each part of the element's own text. */
  text?(text: string): void;
  close?(): void;
  /** The elements inside that are read, by their names without prefixes. */
  children?: ReadonlyMap<string, XmlElement>;
}

export interface XmlDocument {
  namespaces: readonly string[];
  root: string;
  element: XmlElement;
  /** The fault of a document with another root; default: a part that is not well-formed. */
  otherRoot?(): Error;
}

/** The parser keeps a text, a name or a comment until it ends: memory is bounded by this many characters. */
const MOST_PENDING = 32 * 1024 * 1024;
const MOST_LEVELS = 256;

export function elements(children: Record<string, XmlElement>): ReadonlyMap<string, XmlElement> {
  return new Map(Object.entries(children));
}

/** Calls the elements, and yields after every piece of the input. @throws Fault (permanent, reason FileDamaged) */
export async function* readXml(input: AsyncIterable<Buffer>, document: XmlDocument): AsyncGenerator<void, void, void> {
  const { head, stream } = await peek(input, 2);
  // The parser skips a byte order mark itself.
  const decoder = new TextDecoder(encodingOf(head), { ignoreBOM: true });
  // A prefix that is not declared is one of another namespace, whose elements are skipped.
  const parser = new SaxesParser({ xmlns: true, position: false, resolvePrefix: (prefix: string) => prefix });
  const walk = walkDocument(document);
  let pending = 0;
  const ended =
    <T>(take: (value: T) => void) =>
    (value: T) => {
      pending = 0;
      take(value);
    };
  parser.on('error', (error) => {
    throw notWellFormed(error);
  });
  parser.on('opentag', ended(walk.open));
  parser.on('closetag', ended(walk.close));
  parser.on('text', ended(walk.text));
  parser.on('cdata', ended(walk.text));
  parser.on(
    'comment',
    ended(() => {}),
  );
  const write = (text: string) => {
    pending += text.length;
    if (pending > MOST_PENDING) throw tooLong();
    parser.write(text);
  };
  for await (const piece of stream) {
    write(decoder.decode(piece, { stream: true }));
    yield;
  }
  write(decoder.decode());
  parser.close();
}

/** Reads a small part of a workbook as a whole. @throws Fault (permanent, reason FileDamaged) */
export async function readAllXml(input: AsyncIterable<Buffer>, document: XmlDocument): Promise<void> {
  for await (const _ of readXml(input, document));
}

function encodingOf(head: Buffer): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const mark = head.toString('latin1', 0, 2);
  return mark === '\xff\xfe' ? 'utf-16le' : mark === '\xfe\xff' ? 'utf-16be' : 'utf-8';
}

interface Tag {
  local: string;
  uri: string;
  attributes: XmlAttributes;
}

/** Follows the tree of the elements that are read. */
function walkDocument({ namespaces, root, element, otherRoot = notWellFormed }: XmlDocument) {
  const path: XmlElement[] = [];
  let current: XmlElement = { children: elements({ [root]: element }) };
  /** The number of open elements that are not read. */
  let skipped = 0;
  return {
    open(tag: object): void {
      const { local, uri, attributes } = tag as Tag;
      const child = skipped === 0 && namespaces.includes(uri) ? current.children?.get(local) : undefined;
      if (path.length + skipped === MOST_LEVELS) throw notWellFormed();
      if (child === undefined) {
        if (path.length === 0) throw otherRoot();
        skipped += 1;
        return;
      }
      path.push(current);
      current = child;
      child.open?.(attributes);
    },
    text(text: string): void {
      if (skipped === 0) current.text?.(text);
    },
    close(): void {
      if (skipped > 0) {
        skipped -= 1;
        return;
      }
      current.close?.();
      current = path.pop()!;
    },
  };
}

function notWellFormed(cause?: Error) {
  return formatFault(
    'FileDamaged',
    'The workbook has a part that is not well-formed XML, or not what its name says: open it, save it again as .xlsx or CSV, and upload that.',
    cause,
  );
}

function tooLong() {
  return formatFault(
    'FormatNotSupported',
    `The workbook has a text of more than ${MOST_PENDING / 2 ** 20} MiB: save the sheet as CSV (UTF-8), and upload that.`,
  );
}
