import { type CipherGCM, createCipheriv, createHash } from 'node:crypto';

const BLOCK_BYTES = 8 * 1024 * 1024;

/** Tags are never shown, so that one nonce is enough: what GMAC is here is a keyed hash, hidden by the SHA-256 around it. */
const NONCE = Buffer.alloc(12);

/**
 * Identity of an object's content: SHA-256 over the AES-GMACs of its 8 MiB blocks (the last one may be shorter), as
 * `gmac-8mib:<hex>`. Two contents of a ledger have the same with a chance of 2^-108, also when somebody chooses them who does not
 * know the key. Many times as fast as SHA-256 over everything, which took a third of a plan. Source: NIST SP 800-38D.
 *
 * @param key the ledger's, 16 bytes
 */
export function createContentDigest(key: Buffer): { update(bytes: Buffer): void; digest(): string } {
  const whole = createHash('sha256');
  const openBlock = (): CipherGCM => createCipheriv('aes-128-gcm', key, NONCE);
  let block = openBlock();
  let filled = 0;
  return {
    update(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + BLOCK_BYTES - filled);
        block.setAAD(part);
        filled += part.length;
        at += part.length;
        if (filled === BLOCK_BYTES) closeBlock();
      }
    },
    digest() {
      if (filled > 0) closeBlock();
      return `gmac-8mib:${whole.digest('hex')}`;
    },
  };

  function closeBlock(): void {
    block.final();
    whole.update(block.getAuthTag());
    block = openBlock();
    filled = 0;
  }
}
