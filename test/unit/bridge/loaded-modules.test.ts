import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const PRINT_LOADED = `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});
await import('#operator/run-bridge.ts');
process.stdout.write(loaded.join('\\n'));
`;

it('the bridge loads no code that only other programs need: it lives long in little memory', async () => {
  const node = promisify(execFile)(process.execPath, ['--input-type=module', '-e', PRINT_LOADED]);
  const loaded = (await node).stdout.split('\n');
  expect(loaded).toContainEqual(expect.stringMatching(/\/re2js\//));
  const packages = /\/(@bufbuild\/cel|@kubernetes\/client-node|dd-trace)\//;
  const ownFiles = /\/job-runner\/(csv|kernel|load|records|source)\/|\/processor\/process-record\.ts$|\/controller\//;
  expect(loaded.filter((url) => packages.test(url) || ownFiles.test(url))).toEqual([]);
});
