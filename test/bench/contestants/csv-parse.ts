/** The reference parser runs alone: csv-parse reads the file from the disk, counts its records and keeps nothing. */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'csv-parse';
import type { BenchFile } from '../files.ts';
import type { Contestant } from '../harness.ts';
import { READING_ONLY } from '../names.ts';
import type { Stage } from '../stage.ts';

const exec = promisify(execFile);
const SELF = fileURLToPath(import.meta.url);

export function createCsvParse(stage: Stage, { path, counts }: BenchFile): Contestant {
  return {
    name: `csv-parse, ${READING_ONLY}`,
    records: counts.records,
    async run() {
      let output = '';
      const sample = await stage.measure(async () => {
        output = (await exec(process.execPath, [SELF, path])).stdout;
      });
      if (Number(output) !== counts.records + 1)
        throw new Error(`csv-parse: ${output.trim()} records with the header, there should be ${counts.records + 1}`);
      return { ...sample, serverCpuSeconds: null };
    },
  };
}

if (process.argv[1] === SELF) {
  let records = 0;
  // The file has bad records, and this contestant only counts records, so the options let every record pass.
  const options = { relax_quotes: true, relax_column_count: true, skip_empty_lines: true };
  const parser = createReadStream(process.argv[2]!).pipe(parse(options));
  parser.on('data', () => {
    records += 1;
  });
  parser.once('end', () => console.log(records));
}
