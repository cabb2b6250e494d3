import { describe, expect, it } from 'vitest';
import type { MultipartFile } from '#operator/gateway/files/multipart.ts';
import { checkParts } from '#operator/gateway/files/multipart.ts';
import { choosePartSize, countParts, MAX_FILE_BYTES, MAX_PARTS, sizeOfPart } from '#operator/gateway/files/parts.ts';

const MIB = 1024 ** 2;

it.each([1, 100 * MIB, 160_000 * MIB, 160_000 * MIB + 1, MAX_FILE_BYTES])('%i bytes fit into 10,000 parts', (size) => {
  const partSize = choosePartSize(size, 16 * MIB);
  const parts = countParts({ size, partSize });
  expect(parts).toBeLessThanOrEqual(MAX_PARTS);
  expect(partSize % MIB).toBe(0);
  expect(partSize).toBeLessThanOrEqual(5 * 1024 * MIB);
  expect(partSize * (parts - 1) + sizeOfPart({ size, partSize }, parts)).toBe(size);
  expect(sizeOfPart({ size, partSize }, parts)).toBeGreaterThan(0);
});

describe('a file of three parts is complete', () => {
  const file = { id: 'f', size: 25, multipart: { id: 'm', partSize: 10 } } as MultipartFile;
  const part = (number: number, size = number === 3 ? 5 : 10) => ({ number, size, eTag: `e${number}` });
  const all = [part(1), part(2), part(3)];

  it('with all parts of the right size', () => {
    expect(() => checkParts(all, file, null)).not.toThrow();
    expect(() => checkParts(all, file, [{ number: 1, eTag: '"e1"' }, part(2), part(3)])).not.toThrow();
  });

  it('and not otherwise', () => {
    expect(() => checkParts([part(2)], file, null)).toThrow(/does not have these: 1, 3\. Ask for the URLs/);
    expect(() => checkParts([part(1), part(2, 9), part(3)], file, null)).toThrow(/another size .*: 2\./);
    expect(() => checkParts(all, file, [part(1), part(3)])).toThrow(/ETag .*: 2\./);
    expect(() => checkParts(all, file, [part(1), { number: 2, eTag: 'x' }, part(3)])).toThrow(/ETag .*: 2\./);
  });

  it('names twenty of many parts that are not there', () => {
    const large = { ...file, size: 10_000, multipart: { id: 'm', partSize: 1 } };
    expect(() => checkParts([], large, null)).toThrow(/19, 20 and 9980 more\./);
  });
});
