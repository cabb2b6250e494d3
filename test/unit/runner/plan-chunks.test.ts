import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createChunkCutter } from '#runner/plan-chunks.ts';

it('every record is in one chunk, in order, within both limits', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ gap: fc.nat(3), length: fc.integer({ min: 1, max: 60 }) })),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 100 }),
      (shape, recordLimit, byteLimit) => {
        const cutter = createChunkCutter({ records: recordLimit, bytes: byteLimit });
        let at = 10;
        const records = shape.map(({ gap, length }, i) => {
          const start = at + gap;
          at = start + length;
          cutter.add(start, at, i + 2);
          return { start, end: at, row: i + 2 };
        });
        const { chunks, records: total } = cutter.finish();
        expect(total).toBe(records.length);
        let next = 0;
        for (const chunk of chunks) {
          const own = records.slice(next, next + chunk.recordCount);
          next += chunk.recordCount;
          expect(chunk).toMatchObject({
            startByte: own[0]!.start,
            endByte: own.at(-1)!.end,
            firstRowNumber: own[0]!.row,
          });
          expect(own.length).toBeLessThanOrEqual(recordLimit);
          expect(own.length === 1 || chunk.endByte - chunk.startByte <= byteLimit).toBe(true);
          // Each chunk is as full as the limits allow.
          const following = records[next];
          if (following) expect(own.length === recordLimit || following.end - chunk.startByte > byteLimit).toBe(true);
        }
        expect(next).toBe(records.length);
      },
    ),
  );
});
