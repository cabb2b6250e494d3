/** Bytes that grow at their end; the memory doubles when it is full. */

const FIRST_BYTES = 64 * 1024;
/** Memory beyond this size is given back after use. */
const KEPT_BYTES = 1024 * 1024;

export class ByteBuffer {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  readonly #mostBytes: number;

  /** @param mostBytes the memory doubles up to this size, and then grows by what is needed */
  constructor(mostBytes = Number.POSITIVE_INFINITY) {
    this.#mostBytes = mostBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes so far, valid until the next one is added. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  push(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Adds bytes in which one byte is written twice wherever it stands. */
  appendDoubled(bytes: Uint8Array, doubled: number): void {
    let count = bytes.length;
    for (const byte of bytes) if (byte === doubled) count += 1;
    if (this.#length + count > this.#bytes.length) this.#grow(count);
    let at = this.#length;
    for (const byte of bytes) {
      this.#bytes[at++] = byte;
      if (byte === doubled) this.#bytes[at++] = byte;
    }
    this.#length = at;
  }

  /** Removes the bytes from here on. */
  truncate(length: number): void {
    this.#length = length;
  }

  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
  }

  /** @returns the bytes so far, whose memory is the caller's from now on */
  take(): Buffer {
    const taken = this.bytes;
    this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
    this.#length = 0;
    return taken;
  }

  #grow(by: number): void {
    const grown = Buffer.allocUnsafe(Math.max(Math.min(2 * this.#bytes.length, this.#mostBytes), this.#length + by));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
