import { createHash, type Hash } from 'node:crypto';

const BLOCK_BYTES = 8 * 1024 * 1024;

/**
 * Identity of an object's content: SHA-256 over the SHA-256s of its 8 MiB blocks (the last one may be shorter), as
 * `sha256-8mib:<hex>`. The same at every degree of parallelism, since blocks can be hashed apart.
 */
export function createBlockDigest(): { update(bytes: Buffer): void; digest(): string } {
  const whole = createHash('sha256');
  let block: Hash = createHash('sha256');
  let filled = 0;
  return {
    update(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + BLOCK_BYTES - filled);
        block.update(part);
        filled += part.length;
        at += part.length;
        if (filled === BLOCK_BYTES) closeBlock();
      }
    },
    digest() {
      if (filled > 0) closeBlock();
      return `sha256-8mib:${whole.digest('hex')}`;
    },
  };

  function closeBlock(): void {
    whole.update(block.digest());
    block = createHash('sha256');
    filled = 0;
  }
}
