/**
 * Installs and builds the loaders that are written in other languages, below the folder of the bench: nothing is
 * installed into the system. What is there already is used again.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TOOLS_FOLDER } from '../files.ts';

const exec = promisify(execFile);
/** The longest time that an installation or a build may take. */
const LIMIT_MS = 600_000;

/** DuckDB's own way to its extensions is a download, and the second package has the one for PostgreSQL. */
const PYTHON_PACKAGES = {
  duckdb: ['duckdb==1.5.5', 'duckdb-extension-postgres-scanner==1.5.5'],
  adbc: ['adbc-driver-postgresql==1.13.0', 'pyarrow==26.0.1'],
  polars: ['adbc-driver-postgresql==1.13.0', 'pyarrow==26.0.1', 'polars==2.1.0'],
} as const;

/** @returns the command of the loader @throws where Python or a package is missing */
export async function installPython(loader: keyof typeof PYTHON_PACKAGES): Promise<string[]> {
  const packages = PYTHON_PACKAGES[loader];
  const folder = join(TOOLS_FOLDER, 'python', packages.join('+'));
  const python = join(folder, 'bin/python');
  await makeOnce(folder, async () => {
    await run('python3', ['-m', 'venv', folder]);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  });
  return [python, sourceOf('python/load.py'), loader];
}

/** @returns the command of the loader @throws where Go or a module is missing */
export async function buildPgx(): Promise<string[]> {
  const program = join(TOOLS_FOLDER, 'pgx');
  const go = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : 'go';
  await run(go, ['build', '-o', program, '.'], sourceOf('pgx'));
  return [program];
}

/** @returns the command of the loader @throws where Rust or a crate is missing */
export async function buildRust(): Promise<string[]> {
  const build = join(TOOLS_FOLDER, 'rust');
  // Cargo writes its lock file beside the manifest, so that the sources are built from a copy.
  await rm(build, { recursive: true, force: true });
  await cp(sourceOf('rust'), build, { recursive: true });
  await run('cargo', ['build', '--quiet', '--release', '--target-dir', `${build}-target`], build);
  return [join(`${build}-target`, 'release/load')];
}

/** Makes a folder unless it was made. A marker is written last, so that an interrupted installation is repeated. */
async function makeOnce(folder: string, make: () => Promise<void>): Promise<void> {
  const marker = `${folder}.made`;
  if (existsSync(marker)) return;
  await rm(folder, { recursive: true, force: true });
  await make();
  await writeFile(marker, '');
}

function sourceOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** @throws an error that says in one line what is missing */
async function run(program: string, args: readonly string[], cwd?: string): Promise<void> {
  await mkdir(TOOLS_FOLDER, { recursive: true });
  await exec(program, args, { timeout: LIMIT_MS, ...(cwd ? { cwd } : {}) }).catch(
    (error: Error & { code?: string | number; stderr?: string }) => {
      if (error.code === 'ENOENT') throw new Error(`${program} is not installed.`);
      throw new Error(`${program} failed: ${error.stderr?.trim().split('\n').at(-1) || error.message}`);
    },
  );
}
