/**
 * A real OpenSSH server for tests, with a folder and keys of its own. The server runs as a user without rights, and
 * only this user may log in, by a key. The user is `daemon` if the tests run as root, else the user who runs the tests.
 */
import { execFile } from 'node:child_process';
import { chownSync, existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findFreePort, startServerProcess } from '#support/process/server-process.ts';
import { makeSshKey } from './ssh-key.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../../cluster/sshd-path.sh', import.meta.url));
const IS_ROOT = process.getuid?.() === 0;

export interface SshServerOptions {
  /** Types of the host keys; ed25519 when absent. */
  hostKeys?: ('ed25519' | 'ecdsa' | 'rsa')[];
  /** A free port when absent. */
  port?: number;
  /** Addresses to listen on besides 127.0.0.1. */
  listenAddresses?: string[];
  /** Lines of sshd_config(5). They come first, because sshd uses the first value of a setting. */
  config?: string[];
  /** Public keys that may log in, besides the server's own user key. */
  authorizedKeys?: string[];
  /** True when absent. */
  sftp?: boolean;
}

export interface SshServer extends AsyncDisposable {
  port: number;
  pid: number;
  username: string;
  /** The user's private key in OpenSSH's format. */
  privateKey: string;
  /** The server's lines for known_hosts. `at` is the address of the proxy or network that a client connects to. */
  knownHosts(at?: { host?: string; port?: number }): string;
  /** Absolute path of the folder with the user's files, for the tests and for the server alike. */
  root: string;
  /** Makes a folder below `root` that the user may write in. */
  makeFolder(name: string): Promise<string>;
  /** Makes the user the owner of a file. */
  own(path: string): void;
  /** The server's log so far. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

export async function startSshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const user = await findUser();
  const folder = await mkdtemp(join(tmpdir(), 'batch-upload-ssh-'));
  // The user without rights must reach its files in this folder.
  await chmod(folder, 0o755);
  const programs = await preparePrograms(join(folder, 'programs'));
  const own = (path: string) => {
    if (IS_ROOT) chownSync(path, user.uid, user.gid);
  };
  const root = join(folder, 'files');
  const makeFolder = async (name: string) => {
    const path = join(root, name);
    await mkdir(path, { recursive: true });
    own(path);
    return path;
  };
  await makeFolder('.');
  const login = makeSshKey();
  const write = async (name: string, content: string) => {
    const path = join(folder, name);
    await writeFile(path, content, { mode: 0o600 });
    own(path);
    return path;
  };
  const hostKeys = await Promise.all(
    (options.hostKeys ?? ['ed25519']).map(async (type) => {
      const pair = makeSshKey(type);
      return { path: await write(`host-${type}`, pair.private), line: pair.public };
    }),
  );
  const port = options.port ?? (await findFreePort());
  const config = await write(
    'sshd_config',
    [
      ...(options.config ?? []),
      ...['127.0.0.1', ...(options.listenAddresses ?? [])].map((address) => `ListenAddress ${address}:${port}`),
      ...hostKeys.map(({ path }) => `HostKey ${path}`),
      `AuthorizedKeysFile ${await write('authorized_keys', [login.public, ...(options.authorizedKeys ?? []), ''].join('\n'))}`,
      'StrictModes no',
      'PidFile none',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'MaxStartups 100',
      'LogLevel VERBOSE',
      ...(options.sftp === false
        ? []
        : [`Subsystem sftp internal-sftp -d ${root}`, `ForceCommand internal-sftp -d ${root}`]),
      ...helperPrograms(programs),
      '',
    ].join('\n'),
  );
  const logFile = join(folder, 'sshd.log');
  const asUser = IS_ROOT ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
  const server = await startServerProcess({
    name: 'sshd',
    // The path must be absolute, because sshd starts itself again for every connection.
    asUser,
    command: [join(programs, 'usr/sbin/sshd'), '-D', '-e', '-f', config],
    env: programs === '/' ? {} : { LD_LIBRARY_PATH: await libraryPath(programs) },
    logFile,
    probe: () => readBanner(port),
    stopSignal: 'SIGTERM',
  });
  const stop = async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    port,
    pid: server.pid,
    username: user.username,
    privateKey: login.private,
    knownHosts(at = {}) {
      const host = at.host ?? '127.0.0.1';
      const name = at.port === 22 ? host : `[${host}]:${at.port ?? port}`;
      return hostKeys.map(({ line }) => `${name} ${line}\n`).join('');
    },
    root,
    makeFolder,
    own,
    log: () => readFile(logFile, 'utf8'),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Copies the programs, because the cache may be in a home folder that the server's user may not enter. */
async function preparePrograms(copy: string): Promise<string> {
  const { stdout } = await run(SCRIPT);
  const programs = stdout.trim();
  if (programs === '/') return programs;
  await cp(join(programs, 'usr'), join(copy, 'usr'), { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** The user is not `nobody`, because systemd reports that user as locked. */
async function findUser(): Promise<{ uid: number; gid: number; username: string }> {
  if (!IS_ROOT) return userInfo();
  const { stdout } = await run('getent', ['passwd', 'daemon']);
  const [username, , uid, gid] = stdout.split(':');
  return { username: username!, uid: Number(uid), gid: Number(gid) };
}

/** Since OpenSSH 9.8 separate programs serve a connection, and sshd has their paths built in. */
function helperPrograms(programs: string): string[] {
  return (['session', 'auth'] as const).flatMap((name) => {
    const path = join(programs, `usr/lib/openssh/sshd-${name}`);
    return existsSync(path) ? [`Sshd${name === 'session' ? 'Session' : 'Auth'}Path ${path}`] : [];
  });
}

async function libraryPath(programs: string): Promise<string> {
  const { stdout } = await run('find', [programs, '-name', '*.so.*', '-printf', '%h\n']);
  return [...new Set(stdout.trim().split('\n'))].join(':');
}

async function readBanner(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    for await (const piece of socket) if (String(piece).startsWith('SSH-2.0-')) return;
    throw new Error('no banner');
  } finally {
    socket.destroy();
  }
}
