import { describe, expect, it } from 'vitest';
import { compareChecksum, refuseChecksum } from '#operator/gateway/files/checksums.ts';

const bytes = (count: number) => Buffer.alloc(count, 7).toString('base64');

describe('a declared checksum', () => {
  it.each([
    ['CRC32', 4],
    ['CRC32C', 4],
    ['CRC64NVME', 8],
    ['SHA256', 32],
  ])('%s has %i bytes in base64', (algorithm, length) => {
    expect(refuseChecksum({ algorithm, value: bytes(length) }, { inParts: false })).toBeNull();
    expect(refuseChecksum({ algorithm, value: bytes(length + 1) }, { inParts: false })).toMatch(/base64/);
    expect(refuseChecksum({ algorithm, value: 'ab'.repeat(length) }, { inParts: false })).toMatch(/hexadecimal/);
    expect(refuseChecksum({ algorithm, value: `${bytes(length)}\r\n` }, { inParts: false })).toMatch(/base64/);
  });

  it('of a file in parts is one that joins', () => {
    expect(refuseChecksum({ algorithm: 'SHA256', value: bytes(32) }, { inParts: true })).toMatch(/CRC64NVME/);
    expect(refuseChecksum({ algorithm: 'CRC64NVME', value: bytes(8) }, { inParts: true })).toBeNull();
  });
});

describe('what the storage tells', () => {
  const declared = { algorithm: 'CRC32', value: 'AAAAAA==' };

  it('fits the declaration', () => {
    expect(compareChecksum(declared, { ChecksumCRC32: 'AAAAAA==' })).toBeNull();
    expect(compareChecksum(null, { ChecksumCRC32: 'BBBBBB==' })).toBeNull();
  });

  it('differs', () => {
    expect(compareChecksum(declared, { ChecksumCRC32: 'BBBBBB==' })).toBe(
      'its CRC32 is BBBBBB==, and AAAAAA== was declared',
    );
    expect(compareChecksum(declared, { ChecksumCRC64NVME: 'x' })).toBe(
      'it was put without the CRC32 that was declared',
    );
  });

  it('is nothing, where a storage keeps no checksums', () => {
    expect(compareChecksum(declared, {})).toBeNull();
  });
});
