import { StringDecoder } from 'node:string_decoder';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readAllXml } from '#runner/source/read-xml.ts';
import { piecesOf } from './pieces.ts';

test('bytes cut anywhere, also wrong ones, are the text that Node decodes', async () => {
  // Neither of these bytes means anything to XML.
  const byte = fc.constantFrom(0x41, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff);
  const content = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀', '\ufeff') }).map((text) => [...Buffer.from(text)]),
    fc.array(byte, { maxLength: 8 }),
  );
  await fc.assert(
    fc.asyncProperty(content, fc.array(fc.nat(20), { maxLength: 4 }), async (bytes, cuts) => {
      const xml = Buffer.from([...Buffer.from('\ufeff<a>'), ...bytes, ...Buffer.from('</a>')]);
      const decoder = new StringDecoder('utf8');
      let expected = '';
      for await (const piece of piecesOf(xml, cuts)) expected += decoder.write(piece);
      expected = (expected + decoder.end()).slice('\ufeff<a>'.length, -'</a>'.length);
      let found = '';
      await readAllXml(piecesOf(xml, cuts), {
        namespaces: [''],
        root: 'a',
        element: {
          text: (text) => {
            found += text;
          },
        },
      });
      expect(found).toBe(expected);
    }),
  );
});
