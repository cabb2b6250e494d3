import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { corsConfiguration } from '#operator/gateway/files/bucket-cors.ts';

const run = (args: string[], origins = '') =>
  promisify(execFile)(process.execPath, ['operator/main.ts', 'print-cors', ...args], {
    env: { ...process.env, BATCH_UPLOAD_GATEWAY_ALLOWED_ORIGINS: origins },
  });

it('operator print-cors prints the rules for the configured origins, or for those that are named', async () => {
  const rules = JSON.stringify(corsConfiguration(['https://a.example.com']), null, 2);
  expect((await run([], 'https://a.example.com')).stdout).toBe(`${rules}\n`);
  expect((await run(['https://a.example.com'], 'https://b.example.com')).stdout).toBe(`${rules}\n`);
});

it.each([
  [[], /gateway\.allowedOrigins/],
  [['a.example.com'], /a\.example\.com is not an origin/],
  [['https://a.example.com/'], /is not an origin/],
  [['*'], /is not an origin/],
])('operator print-cors %j says what is wrong', async (origins, message) => {
  await expect(run(origins)).rejects.toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
});
