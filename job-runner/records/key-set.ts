/** A set of 64-bit hashes in eight bytes a slot: equal keys of a file are found without the keys themselves. */

export interface KeyHash {
  high: number;
  low: number;
}

const FIRST_SLOTS = 1024;
/** The table doubles when more of its slots than this are taken. */
const MOST_FULL = 0.6;

/**
 * Hashes the bytes [start, end) into `hash`, starting from what `hash` holds, so that several ranges make one hash.
 * Source: bryc, cyrb53 (two multiplicative lanes and a final avalanche), with both lanes kept whole.
 */
export function hashBytes(bytes: Uint8Array, start: number, end: number, hash: KeyHash): void {
  let high = 0xdeadbeef ^ hash.high;
  let low = 0x41c6ce57 ^ hash.low;
  for (let i = start; i < end; i += 1) {
    high = Math.imul(high ^ bytes[i]!, 2654435761);
    low = Math.imul(low ^ bytes[i]!, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  hash.high = high >>> 0;
  hash.low = low >>> 0;
}

export class KeySet {
  /** Pairs of the high and the low half; a pair of zeros is a free slot. */
  #slots = new Uint32Array(FIRST_SLOTS * 2);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns false where the set has the hash already */
  add({ high, low }: KeyHash): boolean {
    // The pair of zeros means a free slot, so that one hash shares the slot of another.
    if (!this.#insert(high, high === 0 && low === 0 ? 1 : low)) return false;
    this.#size += 1;
    if (this.#size > (this.#slots.length / 2) * MOST_FULL) this.#grow();
    return true;
  }

  #insert(high: number, low: number): boolean {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const knownHigh = slots[slot * 2]!;
      const knownLow = slots[slot * 2 + 1]!;
      if (knownHigh === high && knownLow === low) return false;
      if (knownHigh !== 0 || knownLow !== 0) continue;
      slots[slot * 2] = high;
      slots[slot * 2 + 1] = low;
      return true;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] !== 0 || old[i + 1] !== 0) this.#insert(old[i]!, old[i + 1]!);
    }
  }
}
