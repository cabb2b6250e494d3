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

it('operator print-cors has rules for the staff page, too', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['operator/main.ts', 'print-cors'], {
    env: {
      ...process.env,
      BATCH_UPLOAD_GATEWAY_ALLOWED_ORIGINS: 'https://b.example.com',
      BATCH_UPLOAD_GATEWAY_OIDC: '{"issuer": "https://id.example.com", "audience": "a"}',
      BATCH_UPLOAD_GATEWAY_PAGE: '{"origin": "https://a.example.com", "clientId": "page"}',
    },
  });
  const rules = corsConfiguration(['https://a.example.com', 'https://b.example.com']);
  expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(rules)));
});

it.each([
  [[], /gateway\.allowedOrigins/],
  [['a.example.com'], /a\.example\.com is not an origin/],
  [['https://a.example.com/'], /is not an origin/],
  [['*'], /is not an origin/],
])('operator print-cors %j says what is wrong', async (origins, message) => {
  await expect(run(origins)).rejects.toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
});
