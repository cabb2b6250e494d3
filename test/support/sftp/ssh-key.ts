import ssh2 from 'ssh2';

export interface SshKey {
  /** The private key in OpenSSH's format. */
  private: string;
  /** The public key with its type, as in known_hosts and authorized_keys. */
  public: string;
  /** The public key in its wire format. */
  blob: Buffer;
}

/** The library loses a zero at the start of a public key, so nobody can read one of 256 keys that it makes. */
export function makeSshKey(type: 'ed25519' | 'ecdsa' | 'rsa' = 'ed25519', passphrase?: string): SshKey {
  const encryption = passphrase === undefined ? undefined : { passphrase, cipher: 'aes256-ctr', rounds: 16 };
  for (;;) {
    const pair =
      type === 'ed25519'
        ? ssh2.utils.generateKeyPairSync(type, encryption)
        : ssh2.utils.generateKeyPairSync(type as 'rsa', { bits: type === 'rsa' ? 2048 : 256, ...encryption });
    if (ssh2.utils.parseKey(pair.private, passphrase) instanceof Error) continue;
    const [name, encoded] = pair.public.trim().split(' ');
    return { private: pair.private, public: `${name} ${encoded}`, blob: Buffer.from(encoded!, 'base64') };
  }
}
