import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkHostKey, fingerprint, knownTypes, parseKnownHosts } from '#operator/bridge/sftp/known-hosts.ts';
import { makeSshKey } from '#support/sftp/ssh-key.ts';

const ours = makeSshKey();
const other = makeSshKey();
const ecdsa = makeSshKey('ecdsa');
const at = (host: string, port = 22) => ({ host, port });
const verdict = (text: string, host = 'sftp.example.com', port = 22, key = ours.blob) =>
  checkHostKey(parseKnownHosts(text), at(host, port), key).kind;

function hashed(name: string): string {
  const salt = Buffer.from('0123456789abcdefghij');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

describe('a host', () => {
  it.each([
    ['its name', 'sftp.example.com'],
    ['one name of several', 'sftp,sftp.example.com,10.0.0.1'],
    ['a name in capitals', 'SFTP.Example.COM'],
    ['a pattern', '*.example.com'],
    ['a pattern with one character', 'sft?.example.com'],
    ['its port', '[sftp.example.com]:22,sftp.example.com'],
    ['a hashed name', hashed('sftp.example.com')],
  ])('is found by %s', (_what, names) => {
    expect(verdict(`${names} ${ours.public}`)).toBe('Known');
    expect(verdict(`${names} ${other.public}`)).toBe('Mismatch');
  });

  it.each([
    ['nothing', ''],
    ['another name', 'www.example.com'],
    ['a name that its own begins with', 'sftp.example.co'],
    ['a pattern that takes it out again', '*.example.com,!sftp.example.com'],
    ['another port', '[sftp.example.com]:2222'],
    ['another hashed name', hashed('www.example.com')],
    ['a hash of another kind', hashed('sftp.example.com').replace('|1|', '|2|')],
    ['a comment', '# sftp.example.com'],
    ['an authority for it', '@cert-authority *.example.com'],
  ])('is not found by %s', (_what, names) => {
    expect(verdict(`${names} ${ours.public}`)).toBe('Unknown');
  });

  it('at another port is [name]:port, plain or hashed', () => {
    for (const names of ['[sftp.example.com]:2222', hashed('[sftp.example.com]:2222'), '[*.example.com]:2222']) {
      expect(verdict(`${names} ${ours.public}`, 'sftp.example.com', 2222)).toBe('Known');
      expect(verdict(`${names} ${other.public}`, 'sftp.example.com', 2222)).toBe('Mismatch');
    }
  });

  it('at another port is also known by its bare name and this very key, as ssh does', () => {
    expect(verdict(`sftp.example.com ${ours.public}`, 'sftp.example.com', 2222)).toBe('Known');
    expect(verdict(`sftp.example.com ${other.public}`, 'sftp.example.com', 2222)).toBe('Unknown');
  });

  it('with several keys is known by each, and the types that are known are asked for first', () => {
    const text = `sftp.example.com ${other.public}\nsftp.example.com ${ecdsa.public}\r\n\n  sftp.example.com ${ours.public} a comment\n`;
    for (const { blob } of [ours, other, ecdsa]) expect(verdict(text, 'sftp.example.com', 22, blob)).toBe('Known');
    expect(knownTypes(parseKnownHosts(text), at('sftp.example.com'))).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256']);
    expect(knownTypes(parseKnownHosts(text), at('sftp.example.com', 2222))).toHaveLength(2);
  });

  it('with a revoked key is refused, whatever else is there', () => {
    const text = `sftp.example.com ${ours.public}\n@revoked * ${ours.public}\n`;
    expect(verdict(text)).toBe('Revoked');
    expect(verdict(text, 'sftp.example.com', 2222)).toBe('Revoked');
    expect(verdict(`@revoked * ${other.public}\n`)).toBe('Unknown');
  });
});

it.each([
  'sftp.example.com',
  'sftp.example.com ssh-ed25519',
  'sftp.example.com ssh-ed25519 AAAA',
  'x ssh-dss AAAAB3NzaC1kc3M=',
  '@revoked',
])('a line that says no key is left out: %s', (line) => {
  expect(parseKnownHosts(line)).toEqual([]);
});

it('a pattern of stars costs no time', () => {
  expect(verdict(`${'*a'.repeat(200)}b ${ours.public}`, 'a'.repeat(250))).toBe('Unknown');
});

/** The output of ssh-keygen -H and ssh-keygen -l. */
const OF_OPENSSH = {
  line: '|1|sBHOLJDTp6GUwDFj15WCVmlfN7Q=|NVBZCoybC+OxcjzJ4tlYMIayB74= ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM2ug1R7KWMcRC7x7Dcp4mnrlJu8196GH4Rr3G/68t1P',
  fingerprint: 'SHA256:STSK7J7c8h0zQ8hQXQ/21b9av2HsjA9wRGNA6zaS75c',
};

it('a line and a fingerprint of OpenSSH', () => {
  const { key } = parseKnownHosts(OF_OPENSSH.line)[0]!;
  expect(fingerprint(key)).toBe(OF_OPENSSH.fingerprint);
  expect(verdict(OF_OPENSSH.line, 'sftp.example.com', 22, key)).toBe('Known');
});
