/** The checksum as the storage and the gateway want it: base64 of its four bytes, the greatest first. */
export function encodeCrc32(crc: number): string {
  return btoa(String.fromCharCode(crc >>> 24, (crc >>> 16) & 0xff, (crc >>> 8) & 0xff, crc & 0xff));
}
