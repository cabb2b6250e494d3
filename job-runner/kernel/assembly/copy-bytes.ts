/** Copies sixteen bytes at a time, so up to 15 bytes behind the last are read and overwritten too. */
export function copyBytes(to: i32, from: i32, length: i32): void {
  for (let i = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}
