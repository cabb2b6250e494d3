/** The checksum of gzip and ZIP. Source: RFC 1952, 8; four bytes at a time by M. Kounavis and F. Berry, "slicing". */
const TABLES = makeTables();

/** @param sum the checksum of the bytes before. */
export function crc32(bytes: Uint8Array, sum = 0): number {
  const [one, two, three, four] = TABLES;
  let crc = ~sum;
  let i = 0;
  for (const end = bytes.length - 3; i < end; i += 4) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc = four[crc & 255]! ^ three[(crc >>> 8) & 255]! ^ two[(crc >>> 16) & 255]! ^ one[crc >>> 24]!;
  }
  for (; i < bytes.length; i += 1) crc = one[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

type Table = Uint32Array;

function makeTables(): [Table, Table, Table, Table] {
  const tables: [Table, Table, Table, Table] = [
    new Uint32Array(256),
    new Uint32Array(256),
    new Uint32Array(256),
    new Uint32Array(256),
  ];
  const [one] = tables;
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    one[byte] = crc;
  }
  for (let i = 1; i < tables.length; i += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const before = tables[i - 1]![byte]!;
      tables[i]![byte] = one[before & 255]! ^ (before >>> 8);
    }
  }
  return tables;
}
