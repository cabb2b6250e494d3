/** CRC-64/NVME in base64, as S3 writes the checksum of a whole object. Two halves of 32 bits are faster than a BigInt. */

const POLYNOMIAL = { high: 0x9a6c9329, low: 0xac4bc9b5 };
const HIGH = new Int32Array(256);
const LOW = new Int32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let high = 0;
  let low = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    const carry = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (carry) {
      low ^= POLYNOMIAL.low;
      high ^= POLYNOMIAL.high;
    }
  }
  HIGH[byte] = high;
  LOW[byte] = low;
}

export function crc64nvme(bytes: Uint8Array): string {
  let high = -1;
  let low = -1;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ LOW[index]!;
    high = (high >>> 8) ^ HIGH[index]!;
  }
  const result = Buffer.alloc(8);
  result.writeInt32BE(~high, 0);
  result.writeInt32BE(~low, 4);
  return result.toString('base64');
}
