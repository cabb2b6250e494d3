/**
 * Writes the reference pages that are made from the code: `node tools/generate-reference.ts`. With `--check` nothing is written, and
 * a page that is not what the code says ends with 1.
 */
import { glob, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describeConditions } from './reference/conditions.ts';
import { describeEnvironment } from './reference/environment.ts';
import { describeErrorCodes } from './reference/error-codes.ts';
import { describeGatewayAccess } from './reference/gateway-access.ts';
import { describeGateway } from './reference/gateway-app.ts';
import { describeMetrics } from './reference/metrics.ts';
import { describeProblemTypes } from './reference/problems.ts';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFile(new URL(path, root), 'utf8');
const isCheck = process.argv.includes('--check');

const pages = {
  'conditions.md': describeConditions({
    upload: await read('api/conditions.ts'),
    schema: await read('api/record-schema-conditions.ts'),
    source: await read('api/upload-source-conditions.ts'),
  }),
  'error-codes.md': describeErrorCodes(await readCode()),
  'gateway-access.md': describeGatewayAccess((await describeGateway()).operations),
  'problems.md': describeProblemTypes(),
  'metrics.md': describeMetrics(await read('job-runner/telemetry/datadog.ts')),
  'environment.md': describeEnvironment([
    {
      title: 'Controller, bridge and gateway',
      introduction: 'All programs of the operator read these variables.',
      text: await read('operator/config/program-config.ts'),
      name: 'PROGRAM_ENV',
    },
    {
      title: 'Controller',
      introduction: 'Durations are in seconds unless the name says otherwise.',
      text: await read('operator/config/controller-config.ts'),
      name: 'CONTROLLER_ENV',
    },
    {
      title: 'Pods, as the controller makes them',
      introduction: 'The controller reads these variables and makes Jobs by them.',
      text: await read('operator/config/runner-settings.ts'),
      name: 'RUNNER_ENV',
    },
    {
      title: 'Bridge',
      introduction: 'Only the bridge reads these variables.',
      text: await read('operator/config/bridge-config.ts'),
      name: 'BRIDGE_ENV',
    },
    {
      title: 'Gateway',
      introduction: 'Only the gateway reads these variables.',
      text: await read('operator/config/gateway-config.ts'),
      name: 'GATEWAY_ENV',
    },
    {
      title: 'Staff page',
      introduction: 'The gateway reads these variables, where it serves the staff page.',
      text: await read('operator/config/page-config.ts'),
      name: 'PAGE_ENV',
    },
    {
      title: 'Job runner',
      introduction:
        'The operator’s Jobs set these variables in every pod, those of Secrets by reference. A pod also has what the storage Secret holds (`AWS_ENDPOINT_URL_S3`, `AWS_REGION` and the keys).',
      text: await read('common/job-contract.ts'),
      name: 'ENV',
    },
  ]),
};

for (const [name, text] of Object.entries(pages)) {
  const file = new URL(`docs/reference/${name}`, root);
  if (!isCheck) await writeFile(file, text);
  else if (text !== (await readFile(file, 'utf8').catch(() => ''))) {
    console.error(`docs/reference/${name} is not what the code says: run \`make generate\``);
    process.exitCode = 1;
  }
}

async function readCode(): Promise<{ path: string; text: string }[]> {
  const patterns = ['common', 's3', 'ledger', 'job-runner', 'operator'].map((room) => `${room}/**/*.ts`);
  const paths = (await Array.fromAsync(glob(patterns, { cwd: fileURLToPath(root) }))).sort();
  return Promise.all(paths.map(async (path) => ({ path, text: await read(path) })));
}
