import { describe, expect, it } from 'vitest';
import { numberText, readNumberFormat } from '#runner/source/cell-text.ts';

describe('number formats', () => {
  it.each<[number, string | undefined, string]>([
    [0, undefined, 'plain'],
    [1, undefined, 'plain'],
    [14, undefined, 'date'],
    [22, undefined, 'datetime'],
    [20, undefined, 'time'],
    [46, undefined, 'plain'],
    [57, undefined, 'date'],
    [200, 'General', 'plain'],
    [200, 'yyyy-mm-dd', 'date'],
    [200, 'd. mmmm yyyy', 'date'],
    [200, 'mmm-yy', 'date'],
    [200, '[$-409]m/d/yy h:mm AM/PM;@', 'datetime'],
    [200, 'yyyy\\-mm\\-dd\\Thh:mm:ss', 'datetime'],
    [200, 'hh:mm:ss', 'time'],
    [200, '[h]:mm:ss', 'plain'],
    [200, '#,##0.00', 'plain'],
    [200, '#,##0.00\\ [$€-407]', 'plain'],
    [200, '0 "days and months"', 'plain'],
    [200, '[Red]0.00;[Blue]-0.00', 'plain'],
    [200, '0.00E+00', 'plain'],
    [200, '_-* #,##0_-', 'plain'],
    [200, '00000', 'padded'],
    [200, '0', 'plain'],
  ])('%i %s is %s', (id, code, kind) => {
    expect(readNumberFormat(id, code).kind).toBe(kind);
  });
});

describe('numbers as a person sees them', () => {
  const plain = (raw: string) => numberText(raw, { kind: 'plain' }, false);
  it.each([
    ['12', '12'],
    ['12.0', '12'],
    ['-3.50', '-3.5'],
    ['0.30000000000000004', '0.3'],
    ['1.1000000000000001', '1.1'],
    ['12345678901234', '12345678901234'],
    ['12345678901234567890', '12345678901234567890'],
    ['1.23456789012345E+16', '12345678901234500'],
    ['1E+20', '100000000000000000000'],
    ['1E+22', '10000000000000000000000'],
    ['-1.5E+25', '-15000000000000000000000000'],
    ['1E-7', '0.0000001'],
    ['-1.25E-9', '-0.00000000125'],
    ['', ''],
    ['what', 'what'],
  ])('%s is %s', (raw, text) => {
    expect(plain(raw)).toBe(text);
  });

  it.each([
    ['501', '00501'],
    ['501.0', '00501'],
    ['123456', '123456'],
    ['1.5', '1.5'],
    ['-5', '-5'],
  ])('%s in a format of five zeros is %s', (raw, text) => {
    expect(numberText(raw, { kind: 'padded', digits: 5 }, false)).toBe(text);
  });
});

describe('dates', () => {
  // Spreadsheets show these texts.
  it.each<[string, 'date' | 'datetime' | 'time', boolean, string]>([
    ['1', 'date', false, '1900-01-01'],
    ['59', 'date', false, '1900-02-28'],
    ['60', 'date', false, '1900-02-29'],
    ['61', 'date', false, '1900-03-01'],
    ['25569', 'date', false, '1970-01-01'],
    ['45688', 'date', false, '2025-01-31'],
    ['45688.75', 'date', false, '2025-01-31'],
    ['2958465', 'date', false, '9999-12-31'],
    ['0', 'date', true, '1904-01-01'],
    ['44226', 'date', true, '2025-01-31'],
    ['45688.75', 'datetime', false, '2025-01-31T18:00:00'],
    ['45688', 'datetime', false, '2025-01-31T00:00:00'],
    ['45688.999999999996', 'datetime', false, '2025-02-01T00:00:00'],
    ['0.5', 'time', false, '12:00:00'],
    ['0.000011574074074074073', 'time', false, '00:00:01'],
    ['-1', 'date', false, '-1'],
    ['2958466', 'date', false, '2958466'],
  ])('%s as %s, from 1904: %s, is %s', (raw, kind, date1904, text) => {
    expect(numberText(raw, { kind }, date1904)).toBe(text);
  });
});
