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
    "O'Brien & Söhne = +1 @ 2026-01.csv",
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
    ['=HYPERLINK("x";"y").csv', /formula: give the file a name that begins with/],
    ["=cmd|' \u2215C calc'!A0", /formula/],
    ['+1+1.csv', /formula/],
    ['-1+1.csv', /formula/],
    ['-rf', /formula/],
    ['@SUM(1).csv', /formula/],
    ['\uff1d1.csv', /formula/],
    ['\uff0b1.csv', /formula/],
    ['\uff0d1.csv', /formula/],
    ['\uff20x.csv', /formula/],
    [' =1+1.csv', /formula/],
    ['\t=1+1.csv', /formula/],
    ['\r=1+1.csv', /formula/],
    ['\u3000=1+1.csv', /formula/],
    ['\tx.csv', /control/],
    ['\rx.csv', /control/],
    ['<script>alert(1)<\u2215script>.csv', /HTML: give the file a name without/],
    ['a<img src=x onerror=alert(1)>.csv', /HTML/],
    ['a" onmouseover="alert(1).csv', /HTML/],
    ['a>b.csv', /HTML/],
    ['a\0.csv', /control.*: give the file a name without/],
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
