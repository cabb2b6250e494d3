import { describe, expect, it } from 'vitest';
import { Fault } from '#common/faults.ts';
import { createRoute, readDatabaseUri } from '#ledger/connection/database-uri.ts';

const read = (uri: string, caCert?: string) =>
  readDatabaseUri({ uri, caCert, namespace: 'team-a', applicationName: 'test' });
const parse = (uri: string, caCert?: string) => read(uri, caCert).hosts[0]!.config;

describe('the uri of a database', () => {
  it('reads all parts, percent-encoding undone', () => {
    expect(parse('postgres://us%40er:p%2Fw@db.example.com:6432/my%20db')).toMatchObject({
      host: 'db.example.com',
      port: 6432,
      user: 'us@er',
      password: 'p/w',
      database: 'my db',
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

  it.each([
    'not a uri',
    'mysql://u:p@h/d',
    'postgres://u:p@h',
    'postgres:///d',
    'postgres://u:secret@h/d?x=1',
    'postgres://u:se%cret@h/d',
    'postgres://u:p@h,/d',
    'postgres://u:p@h/d?target_session_attrs=standby',
    'postgres://u:p@h/d?application_name=x',
    'postgres://u:p@h/d?connect_timeout=soon',
  ])('refuses %s with a message that does not repeat it', (uri) => {
    try {
      parse(uri);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Fault);
      expect((error as Fault).reason).toBe('SecretInvalid');
      expect((error as Fault).message).not.toContain('secret@');
    }
  });

  it.each([
    ['', undefined, { rejectUnauthorized: false }],
    ['?sslmode=prefer', undefined, { rejectUnauthorized: false }],
    ['', 'PEM', { ca: 'PEM', rejectUnauthorized: true }],
    ['?sslmode=disable', 'PEM', false],
    ['?sslmode=require', undefined, { rejectUnauthorized: false }],
    ['?sslmode=verify-full', undefined, { rejectUnauthorized: true }],
  ])('TLS with "%s" and ca %s is %j', (query, ca, expected) => {
    expect(parse(`postgres://u:p@h/d${query}`, ca).ssl).toEqual(expected);
  });

  it('names several hosts, of which one takes writes', () => {
    const { hosts, mustWrite } = read('postgres://u:p@one:6432,two.example.com,[::1]:7000/d?sslmode=disable');
    expect(hosts.map(({ config: { host, port } }) => [host, port])).toEqual([
      ['one.team-a.svc', 6432],
      ['two.example.com', 5432],
      ['::1', 7000],
    ]);
    expect(mustWrite).toBe(true);
    expect(read('postgres://u:p@one/d').mustWrite).toBe(false);
    expect(read('postgres://u:p@one/d?target_session_attrs=read-write').mustWrite).toBe(true);
    expect(read('postgres://u:p@one,two/d?target_session_attrs=any').mustWrite).toBe(false);
  });

  it('has a time limit for connecting', () => {
    expect(parse('postgres://u:p@h/d?connect_timeout=3').connectionTimeoutMillis).toBe(3000);
  });
});

describe('the route to a database', () => {
  const hostsOf = (uri: string, ...errors: object[]) => {
    const route = createRoute(read(uri));
    const seen = [[route.config.host, route.config.ssl !== false]];
    const more = errors.map((error) => {
      const isLeft = route.next(error, route.config);
      seen.push([route.config.host, route.config.ssl !== false]);
      return isLeft;
    });
    return { seen, more };
  };
  const refused = { code: 'ECONNREFUSED' };
  const noTls = new Error('The server does not support SSL connections');

  it('goes on without TLS where the server has none, on the same host', () => {
    expect(hostsOf('postgres://u:p@a.b/d', noTls, refused)).toEqual({
      seen: [
        ['a.b', true],
        ['a.b', false],
        ['a.b', true],
      ],
      more: [true, false],
    });
  });

  it('goes on without TLS where the rules of the server ask for that, and not where they ask for a certificate', () => {
    const denied = (message: string) => Object.assign(new Error(message), { code: '28000' });
    const uri = 'postgres://u:p@a.b/d';
    expect(hostsOf(uri, denied('no pg_hba.conf entry for host "1.2.3.4", user "u", SSL encryption')).more).toEqual([
      true,
    ]);
    expect(hostsOf(uri, denied('connection requires a valid client certificate')).more).toEqual([false]);
  });

  it('stays with TLS where that is required', () => {
    expect(hostsOf('postgres://u:p@a.b/d?sslmode=require', noTls).more).toEqual([false]);
  });

  it('goes from host to host, and ends after the last one', () => {
    expect(hostsOf('postgres://u:p@a.b,c.d/d?sslmode=disable', refused, refused, refused)).toEqual({
      seen: [
        ['a.b', false],
        ['c.d', false],
        ['a.b', false],
        ['c.d', false],
      ],
      more: [true, false, true],
    });
  });

  it('does not turn twice when two callers failed on the same way', () => {
    const route = createRoute(read('postgres://u:p@a.b/d'));
    const tried = route.config;
    expect([route.next(noTls, tried), route.next(noTls, tried)]).toEqual([true, true]);
    expect(route.config.ssl).toBe(false);
  });

  it('ends at a wrong password', () => {
    expect(hostsOf('postgres://u:p@a.b,c.d/d', { code: '28P01' }).more).toEqual([false]);
  });
});
