/** Reads XML as its bytes come. Memory is bounded: the parser gives long texts in parts and limits everything else. */
import sax from 'sax';
import { formatFault } from './source-format.ts';

export interface XmlHandler {
  /** The name comes without the prefix of its namespace, the attributes as they are written. */
  open(name: string, attributes: Record<string, string>): void;
  close?(name: string): void;
  text?(text: string): void;
}

/** Calls the handler, and yields after every piece of the input. @throws Fault (permanent, reason FileDamaged) */
export async function* readXml(input: AsyncIterable<Buffer>, handler: XmlHandler): AsyncGenerator<void, void, void> {
  const parser = sax.parser(true, { position: false });
  const onText = (text: string) => handler.text?.(text);
  parser.onerror = (error) => {
    throw formatFault(
      'FileDamaged',
      'The workbook has a part that is not well-formed XML: open it, save it again as .xlsx or CSV, and upload that.',
      error,
    );
  };
  parser.onopentag = ({ name, attributes }) => handler.open(localName(name), attributes as Record<string, string>);
  parser.onclosetag = (name) => handler.close?.(localName(name));
  parser.ontext = onText;
  parser.oncdata = onText;
  // The parser skips a byte order mark itself.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for await (const piece of input) {
    parser.write(decoder.decode(piece, { stream: true }));
    yield;
  }
  parser.write(decoder.decode()).close();
}

/** Reads a small part of a workbook as a whole. @throws Fault (permanent, reason FileDamaged) */
export async function readAllXml(input: AsyncIterable<Buffer>, handler: XmlHandler): Promise<void> {
  for await (const _ of readXml(input, handler));
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
