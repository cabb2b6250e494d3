import { describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import { parseDatabaseUri } from '#ledger/connection/postgres.ts';

const parse = (uri: string, caCert?: string) =>
  parseDatabaseUri({ uri, caCert, namespace: 'team-a', applicationName: 'test' });

describe('parseDatabaseUri', () => {
  it('reads all parts, percent-encoding undone', () => {
    expect(parse('postgres://us%40er:p%2Fw@db.example.com:6432/my%20db')).toMatchObject({
      host: 'db.example.com',
      port: 6432,
      user: 'us@er',
      password: 'p/w',
      database: 'my db',
      ssl: false,
    });
  });

  it.each([
    ['postgres', 'postgres.team-a.svc'],
    ['postgres.other', 'postgres.other'],
    ['10.1.2.3', '10.1.2.3'],
    ['[::1]', '::1'],
    ['localhost', 'localhost'],
  ])('the host %s is %s', (host, expected) => {
    expect(parse(`postgres://u:p@${host}/d`).host).toBe(expected);
  });

  it.each(['sslrootcert', 'sslcert', 'sslkey', 'passfile', 'service'])('refuses %s, which names a file', (name) => {
    expect(() => parse(`postgres://u:p@h/d?${name}=/etc/passwd`)).toThrow(name);
  });

  it.each(['not a uri', 'mysql://u:p@h/d', 'postgres://u:p@h', 'postgres:///d', 'postgres://u:secret@h/d?x=1'])(
    'refuses %s with a message that does not repeat it',
    (uri) => {
      try {
        parse(uri);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
        expect((error as Fault).reason).toBe('SecretInvalid');
        expect((error as Fault).message).not.toContain('secret@');
      }
    },
  );

  it.each([
    ['', undefined, false],
    ['', 'PEM', { ca: 'PEM', rejectUnauthorized: true }],
    ['?sslmode=disable', 'PEM', false],
    ['?sslmode=require', undefined, { rejectUnauthorized: false }],
    ['?sslmode=verify-full', undefined, { rejectUnauthorized: true }],
  ])('TLS with "%s" and ca %s is %j', (query, ca, expected) => {
    expect(parse(`postgres://u:p@h/d${query}`, ca).ssl).toEqual(expected);
  });
});
