/** The files that are loaded are made once for each size, outside of the checkout and never within a timing. */
import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  CERTIFICATION_COLUMNS,
  type ExpectedCounts,
  type GenerateOptions,
  generateCertifications,
  type RowSums,
} from '#support/records/certifications.ts';

export interface BenchFile {
  path: string;
  bytes: number;
  /** Counts that a load of the file must give. */
  counts: ExpectedCounts;
  /** Sums of the row numbers that the table must have afterwards. */
  rowSums: RowSums;
}

/** The folder's name has a hash of the generators, since another generator makes other files. */
const GENERATORS = [new URL('../support/records/certifications.ts', import.meta.url), new URL(import.meta.url)];
export const FOLDER = join(tmpdir(), 'batch-upload-bench', hashOf(GENERATORS));
/** The folder of loaders that are installed for the bench. */
export const TOOLS_FOLDER = join(tmpdir(), 'batch-upload-bench/tools');

/** Certifications, of which 1 % fail and none is a duplicate unless the options say otherwise. */
export function certificationFile(options: Omit<GenerateOptions, 'lineEnd'>): Promise<BenchFile> {
  const { records, bad = 0.01, seed = 1, duplicates = 0, refused = 0 } = options;
  return keep(`certifications-${records}-${bad}-${seed}-${duplicates}-${refused}`, () =>
    generateCertifications({ records, bad, seed, duplicates, refused }),
  );
}

/** Certifications whose address has `fieldBytes` bytes; every second one is quoted. */
export function wideFile(options: { records: number; fieldBytes: number }): Promise<BenchFile> {
  const { records, fieldBytes } = options;
  function* pieces(): Generator<Buffer, void, void> {
    yield Buffer.from(`${CERTIFICATION_COLUMNS.join(',')}\n`);
    for (let i = 0; i < records; i += 1) {
      const address = 'Main Street '.repeat(Math.ceil(fieldBytes / 12)).slice(0, fieldBytes);
      const quote = i % 2 === 0 ? '' : '"';
      const before = `W${i},C-${i},member.${i}@example.org,Jane,,Doe,2025-01-15,recertification,,,`;
      yield Buffer.from(`${before},${quote}${address}${quote},Example County,12345,,,,,\n`);
    }
  }
  const counts = { records, succeeded: records, failed: 0, duplicate: 0, codes: {} };
  const sum = (records * (records + 3)) / 2;
  return keep(`wide-${records}-${fieldBytes}`, () => ({
    counts,
    rowSums: { first: sum, last: sum },
    pieces: pieces(),
  }));
}

type Made = ReturnType<typeof generateCertifications>;

/** Makes a file unless it exists. The counts are written last, so a file with counts is whole. */
async function keep(name: string, make: () => Made): Promise<BenchFile> {
  const path = join(FOLDER, `${name}.csv`);
  const countsPath = join(FOLDER, `${name}.json`);
  const known = await readFile(countsPath, 'utf8').catch(() => null);
  if (known)
    return { path, bytes: (await stat(path)).size, ...(JSON.parse(known) as Omit<BenchFile, 'path' | 'bytes'>) };
  await mkdir(FOLDER, { recursive: true });
  const { pieces, counts, rowSums } = make();
  await pipeline(pieces, createWriteStream(`${path}.partial`));
  await rename(`${path}.partial`, path);
  await writeFile(countsPath, JSON.stringify({ counts, rowSums }));
  return { path, bytes: (await stat(path)).size, counts, rowSums };
}

function hashOf(files: readonly URL[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
