import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const printLoaded = (program: string) => `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});
await import('${program}');
process.stdout.write(loaded.join('\\n'));
`;

async function listLoaded(program: string): Promise<string[]> {
  const node = promisify(execFile)(process.execPath, ['--input-type=module', '-e', printLoaded(program)]);
  return (await node).stdout.split('\n');
}

it('the bridge loads no code that only other programs need: it lives long in little memory', async () => {
  const loaded = await listLoaded('#operator/run-bridge.ts');
  expect(loaded).toContainEqual(expect.stringMatching(/\/re2js\//));
  const packages = /\/(@bufbuild\/cel|@kubernetes\/client-node|dd-trace)\//;
  const ownFiles = /\/job-runner\/(csv|kernel|load|records|source)\/|\/processor\/process-record\.ts$|\/controller\//;
  expect(loaded.filter((url) => packages.test(url) || ownFiles.test(url))).toEqual([]);
});

it('nor does the gateway load the library that reads kubeconfigs, or Datadog’s', async () => {
  const loaded = await listLoaded('#operator/run-gateway.ts');
  expect(loaded).toContainEqual(expect.stringMatching(/\/fastify\//));
  expect(loaded.filter((url) => /\/(@kubernetes\/client-node|dd-trace)\//.test(url))).toEqual([]);
});
