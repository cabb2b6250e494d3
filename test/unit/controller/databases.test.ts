import { expect, it } from 'vitest';
import { systemClock } from '#common/clock.ts';
import { Databases } from '#operator/tenancy/databases.ts';
import { createRecordingLog } from '#support/process/recording-log.ts';

const open = async (...uris: string[]) => {
  const uriOf = (name: string) => Buffer.from(uris[Number(name)]!).toString('base64');
  const client = { find: async (_: unknown, { name }: { name: string }) => ({ data: { uri: uriOf(name) } }) };
  const databases = new Databases({
    client: client as never,
    program: 'operator',
    clock: systemClock,
    log: createRecordingLog(),
    tickMs: 1000,
  });
  for (const name of uris.keys()) await databases.open({ namespace: 'n', name: String(name) });
  return databases.size;
};

it('two Secrets with the same content share one database', async () => {
  expect(await open('postgres://u:p@h/d', 'postgres://u:p@h/d')).toBe(1);
});

it('two Secrets with different checks of the certificate share nothing', async () => {
  expect(await open('postgres://u:p@h/d?sslmode=verify-full', 'postgres://u:p@h/d?sslmode=verify-ca')).toBe(2);
});
