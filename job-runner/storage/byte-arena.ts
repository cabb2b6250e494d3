/** Memory that is handed out piece by piece and taken back all at once. */

export interface ByteArena {
  /** @returns uninitialised bytes, which are valid until clear(). */
  allocate(length: number): Buffer;
  clear(): void;
}

const BLOCK_BYTES = 1024 * 1024;
/** The block that is kept grows to 8 MiB: as much as one large chunk has, or a group of chunks. */
const MOST_BLOCKS = 8;

/** The arena keeps one block. A piece that does not fit into the block gets memory of its own. */
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
      // The next group is probably about as large as this one. A single huge record is no reason to keep a huge block.
      const blocks = Math.ceil(wanted / BLOCK_BYTES);
      if (wanted > block.length && blocks <= MOST_BLOCKS) block = Buffer.allocUnsafe(blocks * BLOCK_BYTES);
      used = 0;
      wanted = 0;
    },
  };
}
