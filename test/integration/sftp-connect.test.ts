/** Host keys and logins, against a real OpenSSH server; for passwords against a server of the client's own library. */
import { once } from 'node:events';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import { connectSftp, DEFAULT_LIMITS, type SftpSecret } from '#operator/bridge/sftp/connect.ts';
import { listFiles } from '#operator/bridge/sftp/list-files.ts';
import { makeSshKey } from '#support/sftp/ssh-key.ts';
import { type SshServer, startSshServer } from '#support/sftp/ssh-server.ts';

let ssh: SshServer;
beforeAll(async () => {
  ssh = await startSshServer({ hostKeys: ['rsa', 'ecdsa', 'ed25519'] });
});
afterAll(() => ssh.stop());

interface Attempt extends Partial<SftpSecret> {
  port?: number;
  username?: string;
  limits?: Partial<typeof DEFAULT_LIMITS>;
}

function attempt({ port = ssh.port, username = ssh.username, limits, ...secret }: Attempt = {}) {
  const server = { host: '127.0.0.1', port, username };
  return connectSftp({
    server,
    limits: { ...DEFAULT_LIMITS, ...limits },
    signal: new AbortController().signal,
    secret: { name: 'partner', privateKey: ssh.privateKey, knownHosts: ssh.knownHosts(), ...secret },
  });
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Fault);
  return error as Fault;
}

describe('the key of the host', () => {
  it.each(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa'])(
    'of which only the %s one is known is the one asked for',
    async (type) => {
      const knownHosts = ssh
        .knownHosts()
        .split('\n')
        .filter((line) => line.includes(type))
        .join('\n');
      await using session = await attempt({ knownHosts });
      expect(session.ended).toBe(false);
    },
  );

  it('is unknown: its fingerprint and what to do are said, and no login is tried', async () => {
    const fault = await faultOf(attempt({ knownHosts: `other.example.com ${makeSshKey().public}` }));
    expect(fault).toMatchObject({ code: 'SFTP_HOST_KEY', reason: 'HostKeyUnknown', category: 'permanent' });
    expect(fault.message).toMatch(/ssh-ed25519 SHA256:[A-Za-z0-9+/]{43}, and knownHosts of the Secret partner/);
    expect(fault.message).toContain(`ssh-keyscan -p ${ssh.port} 127.0.0.1`);
  });

  it('is another one than the known: both fingerprints are said', async () => {
    const fault = await faultOf(attempt({ knownHosts: `[127.0.0.1]:${ssh.port} ${makeSshKey().public}` }));
    expect(fault).toMatchObject({ reason: 'HostKeyMismatch', category: 'permanent' });
    expect(fault.message.match(/SHA256:/g)).toHaveLength(2);
  });

  it('is revoked', async () => {
    const knownHosts = ssh.knownHosts() + ssh.knownHosts().replace(/^/gm, '@revoked ');
    expect(await faultOf(attempt({ knownHosts }))).toMatchObject({ reason: 'HostKeyMismatch' });
  });
});

describe('the login', () => {
  it('with a key of somebody else is refused, and says whose', async () => {
    const fault = await faultOf(attempt({ privateKey: makeSshKey().private }));
    expect(fault).toMatchObject({ code: 'SFTP_LOGIN', reason: 'AccessDenied', category: 'permanent' });
    expect(fault.message).toContain(ssh.username);
  });

  it('of an unknown user is refused', async () => {
    expect(await faultOf(attempt({ username: 'not-there' }))).toMatchObject({ reason: 'AccessDenied' });
  });

  it.each<[string, Partial<SftpSecret>, RegExp]>([
    ['without a key or a password', { privateKey: undefined }, /neither the key password nor the key privateKey/],
    ['without known hosts', { knownHosts: undefined }, /no line in its key knownHosts.*ssh-keyscan/],
    ['with what is no key', { privateKey: 'secret words' }, /privateKey that cannot be read/],
    ['with a public key', { privateKey: makeSshKey().public }, /public key/],
  ])('%s is not tried', async (_what, secret, message) => {
    const fault = await faultOf(attempt(secret));
    expect(fault).toMatchObject({
      code: 'CFG_SECRET',
      reason: 'SecretInvalid',
      message: expect.stringMatching(message),
    });
    expect(fault.message).not.toContain('secret words');
  });

  it('with a passphrase opens the key', async () => {
    const pair = makeSshKey('ed25519', 'open');
    await using own = await startSshServer({ authorizedKeys: [pair.public] });
    const opened = { port: own.port, knownHosts: own.knownHosts(), privateKey: pair.private.replaceAll('\n', '\r\n') };
    await using session = await attempt({ ...opened, passphrase: 'open' });
    expect(session.ended).toBe(false);
    expect((await faultOf(attempt({ ...opened, passphrase: 'wrong' }))).message).toContain('does not open');
    expect((await faultOf(attempt(opened))).message).toContain('no key passphrase');
  });

  it.each(['password', 'keyboard-interactive'] as const)('by %s', async (method) => {
    await using server = await startPasswordServer(method, 'right');
    const secret = { port: server.port, knownHosts: server.knownHosts, privateKey: undefined };
    await using session = await attempt({ ...secret, password: 'right' });
    expect(session.ended).toBe(false);
    const fault = await faultOf(attempt({ ...secret, password: 'wrong' }));
    expect(fault).toMatchObject({ reason: 'AccessDenied', message: expect.stringContaining('password') });
    expect(fault.message).not.toContain('wrong');
  });
});

describe('a server', () => {
  it('that is not there', async () => {
    const fault = await faultOf(attempt({ port: 1 }));
    expect(fault).toMatchObject({ reason: 'HostUnreachable', category: 'retryable' });
    expect(fault.message).toContain('ECONNREFUSED');
  });

  it('that says nothing is given up', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const fault = await faultOf(attempt({ port, limits: { connectMs: 100 } }));
    expect(fault).toMatchObject({ code: 'SFTP_TIMEOUT', reason: 'NoAnswer', category: 'retryable' });
    silent.close();
  });

  it('that speaks something else', async () => {
    const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const fault = await faultOf(attempt({ port: (http.address() as AddressInfo).port }));
    expect(['SFTP_PROTOCOL', 'SFTP_CONNECTION']).toContain(fault.code);
    http.close();
  });

  it('that has only ciphers and signatures of yesterday is refused', async () => {
    await using old = await startSshServer({ config: ['Ciphers aes128-cbc', 'MACs hmac-sha1'] });
    const fault = await faultOf(attempt({ port: old.port, knownHosts: old.knownHosts(), privateKey: old.privateKey }));
    expect(fault).toMatchObject({ code: 'SFTP_PROTOCOL', reason: 'ProtocolNotSupported', category: 'permanent' });
  });

  it('that offers no SFTP', async () => {
    await using shell = await startSshServer({ sftp: false });
    const fault = await faultOf(
      attempt({ port: shell.port, knownHosts: shell.knownHosts(), privateKey: shell.privateKey }),
    );
    expect(fault).toMatchObject({ code: 'SFTP_PROTOCOL', message: expect.stringContaining('no SFTP') });
  });
});

describe('a folder', () => {
  async function list(directory: string): Promise<string[]> {
    await using session = await attempt();
    const names = [];
    for await (const files of listFiles(session, { directory, doneSuffix: '.done' }))
      names.push(...files.map(({ name }) => name));
    return names.sort();
  }

  it('gives its own regular files that nobody hides or still writes', async () => {
    const folder = await ssh.makeFolder('listed');
    const names = [
      'a.csv',
      'b c.csv',
      'größe.csv',
      'it’s "quoted".csv',
      `${'n'.repeat(251)}.csv`,
      'part',
      'x.part.csv',
    ];
    const left = ['.hidden.csv', 'a.part', 'a.PART', 'a.filepart', 'a.tmp', 'a.partial', 'a.csv.done'];
    for (const name of [...names, ...left]) await writeFile(join(folder, name), 'x');
    await mkdir(join(folder, 'subfolder.csv'));
    await symlink('a.csv', join(folder, 'link.csv'));
    await writeFile(Buffer.concat([Buffer.from(`${folder}/latin1-`), Buffer.from([0xfc]), Buffer.from('.csv')]), 'x');
    expect(await list('listed')).toEqual(names.sort());
    // An absolute path names the same folder.
    expect(await list(folder)).toEqual(names.sort());
  });

  it('of many files is given whole', async () => {
    const folder = await ssh.makeFolder('many');
    for (let n = 0; n < 500; n += 1) await writeFile(join(folder, `${n}.csv`), '');
    expect(await list('many')).toHaveLength(500);
  });

  it('that is missing', async () => {
    const fault = await faultOf(list('missing'));
    expect(fault).toMatchObject({ reason: 'DirectoryNotFound', category: 'permanent' });
    expect(fault.message).toContain('spec.sftp.directory');
  });

  it('without permission', async () => {
    const folder = await ssh.makeFolder('closed');
    await chmod(folder, 0o000);
    expect(await faultOf(list('closed'))).toMatchObject({ reason: 'PermissionDenied', category: 'permanent' });
  });
});

/** OpenSSH checks passwords of the machine's users only, so the server is one of the client's own library. */
async function startPasswordServer(method: 'password' | 'keyboard-interactive', password: string) {
  const host = makeSshKey();
  const server = new ssh2.Server({ hostKeys: [host.private] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      if (context.method === 'password' && method === 'password') {
        if (context.password === password) context.accept();
        else context.reject(['password']);
      } else if (context.method === 'keyboard-interactive' && method === 'keyboard-interactive') {
        context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => {
          if (answers[0] === password) context.accept();
          else context.reject();
        });
      } else context.reject([method]);
    });
    client.on('session', (accept) => accept().on('sftp', (acceptSftp) => acceptSftp()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    knownHosts: `[127.0.0.1]:${port} ${host.public}`,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
