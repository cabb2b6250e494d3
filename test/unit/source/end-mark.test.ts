import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withoutEndMark } from '#runner/source/end-mark.ts';

it('leaves out the end marks at the end alone, however the text is cut', async () => {
  const pieces = fc.array(fc.array(fc.constantFrom(0x1a, 0x61, 0x0a), { maxLength: 4 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(pieces, async (cut) => {
      const out: Buffer[] = [];
      const text = (async function* () {
        for (const piece of cut) yield Buffer.from(piece);
      })();
      for await (const piece of withoutEndMark(text)) out.push(piece);
      const whole = Buffer.from(cut.flat()).toString('latin1');
      expect(Buffer.concat(out).toString('latin1')).toBe(
        whole.slice(0, 1 + Math.max(whole.lastIndexOf('a'), whole.lastIndexOf('\n'))),
      );
    }),
  );
});
