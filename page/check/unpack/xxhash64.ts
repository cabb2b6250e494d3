/**
 * The checksum of zstd's frames, with each number of 64 bits as two of 32, since BigInt takes ten times as long.
 * Source: the specification of xxHash, "XXH64 Algorithm Description", with the seed 0.
 */

/** A number of 64 bits. */
interface Word {
  high: number;
  low: number;
}

const word = (high: number, low: number): Word => ({ high, low });
const PRIME1 = word(0x9e3779b1, 0x85ebca87);
const PRIME2 = word(0xc2b2ae3d, 0x27d4eb4f);
const PRIME3 = word(0x165667b1, 0x9e3779f9);
const PRIME4 = word(0x85ebca77, 0xc2b2ae63);
const PRIME5 = word(0x27d4eb2f, 0x165667c5);
const STRIPE = 32;

export class XxHash64 {
  readonly #lanes = [add({ ...PRIME1 }, PRIME2), { ...PRIME2 }, word(0, 0), negated(PRIME1)] as const;
  readonly #held = new Uint8Array(STRIPE);
  #heldBytes = 0;
  #length = 0;

  add(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let at = 0;
    if (this.#heldBytes > 0) {
      at = Math.min(bytes.length, STRIPE - this.#heldBytes);
      this.#held.set(bytes.subarray(0, at), this.#heldBytes);
      this.#heldBytes += at;
      if (this.#heldBytes < STRIPE) return;
      this.#addStripe(this.#held, 0);
    }
    for (; at + STRIPE <= bytes.length; at += STRIPE) this.#addStripe(bytes, at);
    this.#held.set(bytes.subarray(at));
    this.#heldBytes = bytes.length - at;
  }

  /** The lower 32 bits, which a frame of zstd keeps. */
  low(): number {
    const hash = this.#length >= STRIPE ? this.#mergeLanes() : { ...PRIME5 };
    add(hash, word(Math.floor(this.#length / 2 ** 32), this.#length >>> 0));
    const rest = this.#held.subarray(0, this.#heldBytes);
    let at = 0;
    for (; at + 8 <= rest.length; at += 8) {
      xor(hash, round(word(0, 0), rest, at));
      add(multiply(rotate(hash, 27), PRIME1), PRIME4);
    }
    if (at + 4 <= rest.length) {
      xor(hash, multiply(word(0, read32(rest, at)), PRIME1));
      add(multiply(rotate(hash, 23), PRIME2), PRIME3);
      at += 4;
    }
    for (; at < rest.length; at += 1) {
      xor(hash, multiply(word(0, rest[at]!), PRIME5));
      multiply(rotate(hash, 11), PRIME1);
    }
    return avalanche(hash).low >>> 0;
  }

  #addStripe(bytes: Uint8Array, at: number): void {
    for (let i = 0; i < 4; i += 1) round(this.#lanes[i]!, bytes, at + i * 8);
  }

  #mergeLanes(): Word {
    const hash = word(0, 0);
    for (const [i, bits] of [1, 7, 12, 18].entries()) add(hash, rotate({ ...this.#lanes[i]! }, bits));
    for (const lane of this.#lanes) {
      xor(hash, multiply(rotate(multiply({ ...lane }, PRIME2), 31), PRIME1));
      add(multiply(hash, PRIME1), PRIME4);
    }
    return hash;
  }
}

function avalanche(hash: Word): Word {
  xor(hash, word(0, hash.high >>> 1));
  multiply(hash, PRIME2);
  xor(hash, word(hash.high >>> 29, (hash.low >>> 29) | (hash.high << 3)));
  multiply(hash, PRIME3);
  return xor(hash, word(0, hash.high));
}

function round(lane: Word, bytes: Uint8Array, at: number): Word {
  const input = word(read32(bytes, at + 4), read32(bytes, at));
  return multiply(rotate(add(lane, multiply(input, PRIME2)), 31), PRIME1);
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

// Each function below changes its first number, and returns this number.

function add(to: Word, { high, low }: Word): Word {
  const sum = (to.low >>> 0) + (low >>> 0);
  to.low = sum | 0;
  to.high = (to.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
  return to;
}

function xor(to: Word, { high, low }: Word): Word {
  to.high ^= high;
  to.low ^= low;
  return to;
}

/** @param bits 1 to 31 */
function rotate(to: Word, bits: number): Word {
  const { high, low } = to;
  to.high = (high << bits) | (low >>> (32 - bits));
  to.low = (low << bits) | (high >>> (32 - bits));
  return to;
}

function multiply(to: Word, { high, low }: Word): Word {
  const a = to.low & 0xffff;
  const b = to.low >>> 16;
  const c = low & 0xffff;
  const d = low >>> 16;
  const bc = b * c;
  const middle = a * d + (Math.imul(a, c) >>> 16) + (bc & 0xffff);
  const carried = b * d + Math.floor(bc / 65536) + Math.floor(middle / 65536);
  to.high = (carried + Math.imul(to.low, high) + Math.imul(to.high, low)) | 0;
  to.low = Math.imul(to.low, low);
  return to;
}

function negated({ high, low }: Word): Word {
  return add(word(~high, ~low), word(0, 1));
}
