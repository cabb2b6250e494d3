/**
 * `make fuzz` tries every endpoint of the gateway with requests that schemathesis makes of the served document, right ones and
 * wrong ones. No answer may be a defect of the gateway, and each must be what the document says. What follows the
 * command goes to schemathesis: `node test/fuzz/main.ts --include-operation-id createFile`.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startFuzzedGateway } from './gateway.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const { stdout } = await promisify(execFile)(here('schemathesis-path.sh'), [], { encoding: 'utf8' });
await using gateway = await startFuzzedGateway();
const args = [
  '--config-file',
  here('schemathesis.toml'),
  'run',
  `${gateway.url}/openapi.json`,
  ...process.argv.slice(2),
];
// Schemathesis keeps what it found in the folder where it runs.
const cwd = await mkdtemp(join(tmpdir(), 'schemathesis-'));
const run = spawn(stdout.trim(), args, { cwd, stdio: 'inherit', env: { ...process.env, TOKEN: gateway.token } });
const [code] = (await once(run, 'exit')) as [number | null];
const defects = gateway.log.entries.filter(({ level }) => level === 'error');
for (const defect of defects.slice(0, 10)) console.error(defect);
process.exitCode = code === 0 && defects.length === 0 ? 0 : 1;
