/**
 * Values that a browser keeps for the gateway, encrypted and authenticated (JWE, A256GCM). Nobody without the key can read,
 * make or change one, and a value for one purpose is nothing for another.
 */
import { createHash, hkdfSync } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { CompactEncrypt, compactDecrypt } from 'jose';

export type Purpose = 'session' | 'login';

export interface Seal {
  seal(purpose: Purpose, value: object): Promise<string>;
  /** @returns null for everything that this seal has not made for this purpose. */
  open(purpose: Purpose, text: string): Promise<unknown>;
}

/** The keys of the Secret: the first one seals, and each of them opens. */
export type SecretKeys = () => readonly Buffer[];

/** Names compress to a third, and what was sealed is ours: nothing else is decompressed. */
const MOST_BYTES = 256 * 1024;

/** @param context what the values are valid for; with another context they are those of another gateway. */
export function createSeal({ keys, context }: { keys: SecretKeys; context: object }): Seal {
  const salt = createHash('sha256').update(JSON.stringify(context)).digest();
  const derive = (key: Buffer, purpose: Purpose) =>
    new Uint8Array(hkdfSync('sha256', key, salt, `batch-upload staff page: ${purpose}`, 32));
  return {
    async seal(purpose, value) {
      return new CompactEncrypt(deflateRawSync(JSON.stringify(value)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .encrypt(derive(keys()[0]!, purpose));
    },
    async open(purpose, text) {
      for (const key of keys()) {
        try {
          const { plaintext } = await compactDecrypt(text, derive(key, purpose), {
            keyManagementAlgorithms: ['dir'],
            contentEncryptionAlgorithms: ['A256GCM'],
          });
          return JSON.parse(inflateRawSync(plaintext, { maxOutputLength: MOST_BYTES }).toString('utf8')) as unknown;
        } catch {
          // Another key may have sealed it.
        }
      }
      return null;
    },
  };
}
