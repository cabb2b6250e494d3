import ssh2 from 'ssh2';

export interface SshKey {
  /** In OpenSSH's format. */
  private: string;
  /** Its type and itself, as in known_hosts and authorized_keys. */
  public: string;
  /** The public one as it goes over the wire. */
  blob: Buffer;
}

/** The library loses a zero at the start of a public key: one of 256 keys that it makes cannot be read, also by itself. */
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
