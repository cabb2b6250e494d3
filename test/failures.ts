/**
 * Reads the JSON report of a vitest run: `node test/failures.ts REPORT TEXT` prints "passed failed" and writes each
 * failed test to TEXT, with its file and the first lines of its message. A report that is missing counts as "0 0".
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages?: readonly string[];
  }[];
}

const LINES_OF_A_MESSAGE = 14;
const CHARACTERS_OF_A_LINE = 400;

const [report, text] = process.argv.slice(2);
if (report === undefined || text === undefined) throw new Error('Give the report of vitest and the file to write.');
const { counts, failures } = summarize(readReport(report));
writeFileSync(text, failures.map((failure) => `${failure}\n`).join(''));
console.log(counts);

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  }
}

/** A file that broke outside its tests, as in a hook, is one failure. */
function summarize(run: Report): { counts: string; failures: string[] } {
  const failures: string[] = [];
  let brokenFiles = 0;
  for (const file of run.testResults) {
    const name = relative(process.cwd(), file.name);
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    for (const test of failed) {
      failures.push(`FAIL ${name} > ${test.fullName}\n${shorten((test.failureMessages ?? []).join('\n'))}`);
    }
    if (file.status === 'failed' && failed.length === 0) {
      brokenFiles += 1;
      failures.push(`FAIL ${name}\n${shorten(file.message)}`);
    }
  }
  return { counts: `${run.numPassedTests} ${run.numFailedTests + brokenFiles}`, failures };
}

function shorten(message: string): string {
  const lines = stripVTControlCharacters(message).split('\n');
  const ours = lines.filter((line) => !line.includes('/node_modules/')).slice(0, LINES_OF_A_MESSAGE);
  return ours.map((line) => `  ${line.slice(0, CHARACTERS_OF_A_LINE)}`).join('\n');
}
