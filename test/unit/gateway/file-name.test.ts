import { describe, expect, it } from 'vitest';
import { refuseFileName } from '#operator/gateway/files/file-name.ts';

describe('a file may have the name', () => {
  it.each([
    'records.csv',
    'Zertifikate März 2026.xlsx',
    '証明書.csv',
    'ملف.csv',
    '👩‍🎓.csv',
    'a..b.csv',
    '100%.csv',
    '%2e%2e%2fetc.csv',
    "=HYPERLINK('x').csv",
    '<script>alert(1)<\u2215script>.csv',
    ' leading and trailing ',
    '~',
    '{filename}.csv',
    'é'.repeat(127),
  ])('%s', (name) => {
    expect(refuseFileName(name)).toBeNull();
  });
});

describe('a name is refused by the rule that it breaks', () => {
  it.each([
    ['', /empty/],
    ['../records.csv', /folders/],
    ['a/b.csv', /folders/],
    ['/etc/passwd', /folders/],
    ['C:\\records.csv', /folders/],
    ['..\\records.csv', /folders/],
    ['.', /dot/],
    ['..', /dot/],
    ['.htaccess', /dot/],
    ['a\0.csv', /control/],
    ['a\n.csv', /control/],
    ['a\r\nx-amz-acl: public.csv', /control/],
    ['a\u007f.csv', /control/],
    ['a\u0085.csv', /control/],
    ['a\u2028.csv', /control/],
    ['a\ufffe.csv', /control/],
    ['records\u202evsc.exe', /direction/],
    ['a\u2066b.csv', /direction/],
    ['a\ud800.csv', /surrogate/],
    [`\${filename}`, /filename/],
    [`a\${FileName}.csv`, /filename/],
    ['é'.repeat(128), /255 bytes in UTF-8: it has 256/],
  ])('%j', (name, rule) => {
    expect(refuseFileName(name)).toMatch(rule);
  });
});
