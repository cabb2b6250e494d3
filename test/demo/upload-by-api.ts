/**
 * The last part of `make demo` sends a file through the REST API. Each line is run by bash exactly as it is shown, so that
 * a person can repeat it in the same folder.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AUDIENCE } from '#support/gateway/origin.ts';
import { dim, good, title, wrong } from './screen.ts';

const exec = promisify(execFile);
const SENDER = 'demo-sender';
const FILE = 'weather.csv';
const SCHEMA = 'weather';
const ROLE = 'batch-upload-uploader';
const CURL = 'curl -sS --fail-with-body';
const JSON_TYPE = "-H 'Content-Type: application/json'";
/** 2012 had a 29 February, and no year has a 30. */
const [GOOD_DATE, BROKEN_DATE] = ['2012-02-29', '2012-02-30'];

/** The name of the upload in the cluster. */
export const API_UPLOAD = 'demo-by-api';

export interface ApiDemo {
  /** Where this machine reaches the gateway. */
  origin: string;
  namespace: string;
  /** The environment of every line, with the kubeconfig and the folder of kubectl. */
  env: NodeJS.ProcessEnv;
  /** The folder in which the lines are run; it is emptied first. */
  folder: string;
  /** A file of the schema `weather` with a record of GOOD_DATE. */
  weather: string;
  timeoutMs?: number;
}

export interface Step {
  says: string;
  /** A line that begins with NAME= sets a variable for the lines below it. */
  lines: string[];
}

interface State {
  phase: string;
  records: { total?: number; succeeded?: number; failed?: number; duplicate?: number } | null;
}

/** The lines from a service account to a registered file. */
export function stepsToRegister({ origin, namespace }: Pick<ApiDemo, 'origin' | 'namespace'>): Step[] {
  return [
    {
      says: `A service account is the sender. The role ${ROLE} lets it send files and see its own uploads:`,
      lines: [
        `kubectl -n ${namespace} create serviceaccount ${SENDER}`,
        `kubectl -n ${namespace} create rolebinding ${SENDER} --clusterrole ${ROLE} --serviceaccount ${namespace}:${SENDER}`,
      ],
    },
    {
      says: 'Its token is for the gateway alone:',
      lines: [
        `API=${origin}/v1/namespaces/${namespace}`,
        `AUTH="Authorization: Bearer $(kubectl -n ${namespace} create token ${SENDER} --audience ${AUDIENCE})"`,
      ],
    },
    {
      says: 'It asks for a place for the file:',
      lines: [
        `${CURL} -H "$AUTH" ${JSON_TYPE} -d "{\\"name\\": \\"${FILE}\\", \\"size\\": $(wc -c <${FILE})}" "$API/files" >place.json`,
        "jq -c '{id, size, bucket, expiresAt}' place.json",
      ],
    },
    {
      says: 'The answer has a signed request, with which the file goes straight into the storage:',
      lines: [
        `jq -r '.put.headers | to_entries[] | "\\(.key): \\(.value)"' place.json >headers.txt`,
        `${CURL} -H @headers.txt -T ${FILE} "$(jq -r .put.url place.json)"`,
      ],
    },
    {
      says: 'It registers the file, which starts the upload (a repeated demo loads the same content again):',
      lines: [
        `jq '{file: .id, schema: "${SCHEMA}", name: "${API_UPLOAD}", reload: true}' place.json >registration.json`,
        `${CURL} -H "$AUTH" ${JSON_TYPE} -d @registration.json "$API/uploads" >upload.json`,
        "jq -c '{name, phase, createdBy}' upload.json",
      ],
    },
  ];
}

export const FOLLOW_LINE = `${CURL} -H "$AUTH" "$API/uploads/${API_UPLOAD}" | jq -c '{phase, records}'`;
export const ERRORS_LINE = `${CURL} -H "$AUTH" "$API/uploads/${API_UPLOAD}/errors.csv" | head -n 3`;

/** @returns the file with one broken record, and the number of all its records */
export function breakOneRecord(weather: string): { file: string; records: number } {
  if (!weather.includes(`\n${GOOD_DATE},`)) throw new Error(`The weather has no record of ${GOOD_DATE} to be broken.`);
  const records = weather.trimEnd().split('\n').length - 1;
  return { file: weather.replace(`\n${GOOD_DATE},`, `\n${BROKEN_DATE},`), records };
}

/** @returns what is wrong; undefined when status and failed records say exactly what was sent */
export function findDifference(records: number, { phase, records: counts }: State, errors: string): string | undefined {
  const expected = { total: records, succeeded: records - 1, failed: 1, duplicate: 0 };
  const { total, succeeded, failed, duplicate } = counts ?? {};
  const got = { total, succeeded, failed, duplicate };
  if (phase !== 'Complete' || JSON.stringify(got) !== JSON.stringify(expected))
    return `expected Complete with ${JSON.stringify(expected)}, the API says ${phase} with ${JSON.stringify(counts)}`;
  const lines = errors.trimEnd().split('\n');
  if (lines.length !== 2 || !lines[1]!.includes(BROKEN_DATE))
    return `errors.csv should have the record of ${BROKEN_DATE} alone, and has ${lines.length - 1} lines below its header`;
  return undefined;
}

/** Removes what an earlier demo has left in the cluster. */
export async function removePreviousSender(
  kubectl: (...args: string[]) => Promise<string>,
  namespace: string,
): Promise<void> {
  const remove = (kind: string, name: string) => kubectl('-n', namespace, 'delete', kind, name, '--ignore-not-found');
  await Promise.all([
    remove('batchupload', API_UPLOAD),
    remove('serviceaccount', SENDER),
    remove('rolebinding', SENDER),
  ]);
}

/** Sends the file and shows every line with its output. @returns whether the results are exactly those of the file */
export async function uploadByApi(demo: ApiDemo): Promise<boolean> {
  const { folder, env, weather, timeoutMs = 60_000 } = demo;
  title(`One more file, by the REST API: the weather again, in which ${GOOD_DATE} has become ${BROKEN_DATE}`);
  const missing = await findMissing(env);
  if (missing) {
    console.log(`  This part is left out: it needs ${missing}, which this machine does not have.`);
    return true;
  }
  const { file, records } = breakOneRecord(weather);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, FILE), file);
  const run = createShell({ folder, env });
  try {
    for (const { says, lines } of stepsToRegister(demo)) {
      say(says);
      for (const line of lines) show(await run(prompt(line)));
    }
    say('It asks until the upload is complete:');
    const state = await follow(run, timeoutMs);
    say('The records that failed, as a file to correct and to send again:');
    const errors = await run(prompt(ERRORS_LINE));
    show(errors);
    const difference = findDifference(records, state, errors);
    console.log(`  ${records.toLocaleString('en')} records sent, 1 broken: ${verdictOf(difference)}`);
    return difference === undefined;
  } catch (error) {
    console.log(wrong(`  ${(error as Error).message}`));
    return false;
  }
}

const verdictOf = (difference: string | undefined) => (difference ? wrong(difference) : good('exactly what was sent'));

type Run = (line: string) => Promise<string>;

/** Asks twice a second, and shows each answer that is another one than before. */
async function follow(run: Run, timeoutMs: number): Promise<State> {
  prompt(FOLLOW_LINE);
  let last = '';
  for (const deadline = Date.now() + timeoutMs; ; await sleep(500)) {
    const answer = await run(FOLLOW_LINE);
    if (answer !== last) show(answer);
    last = answer;
    const state = JSON.parse(answer) as State;
    if (state.phase === 'Complete' || state.phase === 'Failed') return state;
    if (Date.now() > deadline)
      throw new Error(
        `The upload is ${state.phase} after ${timeoutMs / 1000} s: see kubectl describe bu ${API_UPLOAD}.`,
      );
  }
}

/** Runs lines in the folder, each in a bash of its own with the variables that earlier lines have set. */
function createShell({ folder, env }: Pick<ApiDemo, 'folder' | 'env'>): Run {
  const variables: Record<string, string> = {};
  return async (line) => {
    const [, variable] = /^([A-Z]+)=/.exec(line) ?? [];
    const script = variable ? `${line}\nprintf %s "$${variable}"` : line;
    try {
      const options = { cwd: folder, env: { ...env, ...variables } };
      const { stdout } = await exec('bash', ['-euo', 'pipefail', '-c', script], options);
      if (!variable) return stdout;
      variables[variable] = stdout;
      return '';
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      // The answer that says why is in the file that the line writes.
      const [, answer] = />(\w+\.json)$/.exec(line) ?? [];
      const why = answer ? await readFile(join(folder, answer), 'utf8').catch(() => '') : '';
      throw new Error(`The line failed: ${[stderr, stdout, why].join('\n').trim()}`, { cause: error });
    }
  };
}

/** @returns what the lines need and this machine does not have */
async function findMissing(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const has = (line: string) =>
    exec('bash', ['-c', line], { env }).then(
      () => true,
      () => false,
    );
  const [curl, jq] = await Promise.all([has('curl --fail-with-body --version'), has('jq --version')]);
  return [curl ? [] : ['curl 7.76 or newer'], jq ? [] : ['jq']].flat().join(' and ') || undefined;
}

function say(text: string): void {
  console.log(dim(`  ${text}`));
}

function prompt(line: string): string {
  console.log(`  ${dim('$')} ${line}`);
  return line;
}

function show(output: string): void {
  if (output) console.log(output.trimEnd().replace(/^/gm, '  '));
}
