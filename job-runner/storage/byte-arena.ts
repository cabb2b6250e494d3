/** Room for bytes that are all given back at once. */

export interface ByteArena {
  /** Uninitialised bytes, valid until clear(). */
  allocate(length: number): Buffer;
  clear(): void;
}

const BLOCK_BYTES = 1024 * 1024;

/** Keeps one block; what does not fit into it is memory of its own. */
export function createByteArena(): ByteArena {
  let block = Buffer.alloc(0);
  let used = 0;
  let wanted = 0;
  return {
    allocate(length) {
      wanted += length;
      if (used + length > block.length) return Buffer.allocUnsafe(length);
      used += length;
      return block.subarray(used - length, used);
    },
    clear() {
      // The next ones are about as large as these; a few huge records are no reason to keep much.
      if (wanted > block.length && block.length < 4 * BLOCK_BYTES)
        block = Buffer.allocUnsafe(Math.min(Math.ceil(wanted / BLOCK_BYTES), 4) * BLOCK_BYTES);
      used = 0;
      wanted = 0;
    },
  };
}
