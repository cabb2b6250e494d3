/** Room for bytes that are all given back at once. */

export interface ByteArena {
  /** Uninitialised bytes, valid until clear(). */
  allocate(length: number): Buffer;
  clear(): void;
}

const BLOCK_BYTES = 1024 * 1024;
/** As much as a chunk of many records has, or a group of chunks. */
const MOST_BLOCKS = 8;

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
      // The next ones are about as large as these; a huge record is no reason to keep much.
      const blocks = Math.ceil(wanted / BLOCK_BYTES);
      if (wanted > block.length && blocks <= MOST_BLOCKS) block = Buffer.allocUnsafe(blocks * BLOCK_BYTES);
      used = 0;
      wanted = 0;
    },
  };
}
