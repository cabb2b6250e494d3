import { describe, expect, it } from 'vitest';
import { type FieldType, isoValue, numberValue } from '#runner/source/cell-text.ts';
import type { NumberStyle } from '#runner/source/number-format.ts';

interface Context {
  style?: NumberStyle;
  date1904?: boolean;
  type?: FieldType;
}

const read = (raw: string, { style = { kind: 'plain' }, date1904 = false, type = 'string' }: Context = {}) =>
  numberValue(raw, { style, date1904, type });

describe('numbers as a person sees them', () => {
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
  ])('%s is %s', (raw, text) => {
    expect(read(raw)).toEqual({ kind: 'number', text });
  });

  it.each(['', 'what'])('%j is no number', (raw) => {
    expect(read(raw)).toEqual({ kind: 'text', text: raw });
  });

  it.each<[string, string, FieldType, string]>([
    ['501', '00000', 'string', '00501'],
    ['501.0', '00000', 'string', '00501'],
    ['123456', '00000', 'string', '123456'],
    ['1.5', '00000', 'string', '1.5'],
    ['-5', '00000', 'string', '-00005'],
    ['501', '00000', 'integer', '00501'],
    ['12345678', '000-00-0000', 'string', '012-34-5678'],
    ['12345678', '000-00-0000', 'any', '012-34-5678'],
    ['12345678', '000-00-0000', 'integer', '12345678'],
    ['42', '"P-"0000', 'number', '42'],
    ['20250131', '0000\\-00\\-00', 'date', '2025-01-31'],
  ])('%s in the mask %s, for a field of type %s, is %s', (raw, code, type, text) => {
    expect(read(raw, { style: { kind: 'mask', code }, type })).toEqual({ kind: 'number', text });
  });
});

type Kind = 'date' | 'datetime' | 'time' | 'moment' | 'elapsed';

describe('dates', () => {
  // Spreadsheets show these texts.
  it.each<[string, Kind, boolean, string]>([
    ['1', 'date', false, '1900-01-01'],
    ['0', 'date', false, '1900-01-00'],
    ['59', 'date', false, '1900-02-28'],
    ['60', 'date', false, '1900-02-29'],
    ['61', 'date', false, '1900-03-01'],
    ['25569', 'date', false, '1970-01-01'],
    ['45688', 'date', false, '2025-01-31'],
    ['45688.75', 'date', false, '2025-01-31'],
    ['45688.99999884', 'date', false, '2025-01-31'],
    ['2958465', 'date', false, '9999-12-31'],
    ['2958465.99999884', 'datetime', false, '9999-12-31T23:59:59.900'],
    ['0', 'date', true, '1904-01-01'],
    ['44226', 'date', true, '2025-01-31'],
    ['44226.5', 'datetime', true, '2025-01-31T12:00:00'],
    ['0.5', 'time', true, '12:00:00'],
    ['45688.75', 'datetime', false, '2025-01-31T18:00:00'],
    ['45688', 'datetime', false, '2025-01-31T00:00:00'],
    ['45688.999999999996', 'datetime', false, '2025-02-01T00:00:00'],
    ['45688.99999884', 'datetime', false, '2025-01-31T23:59:59.900'],
    ['45000.416673611115', 'datetime', false, '2023-03-15T10:00:00.600'],
    ['0.5', 'time', false, '12:00:00'],
    ['0.000011574074074074073', 'time', false, '00:00:01'],
    ['0.99999884', 'time', false, '23:59:59.900'],
    ['45688', 'moment', false, '2025-01-31'],
    ['0.5', 'moment', false, '12:00:00'],
    ['45688.5', 'moment', false, '2025-01-31T12:00:00'],
  ])('%s as %s, from 1904: %s, is %s', (raw, kind, date1904, text) => {
    expect(read(raw, { style: { kind }, date1904 })).toEqual({ kind: 'date', text });
  });

  it.each<[string, Kind, boolean]>([
    ['-1', 'date', false],
    ['-0.5', 'time', false],
    ['2958466', 'date', false],
    ['2957004', 'date', true],
    ['1.5', 'elapsed', false],
  ])('%s as %s, from 1904: %s, stays a number', (raw, kind, date1904) => {
    expect(read(raw, { style: { kind }, date1904 })).toEqual({ kind: 'number', text: raw });
  });

  it.each<[string, Kind, FieldType, string]>([
    ['45688', 'date', 'datetime', '2025-01-31T00:00:00'],
    ['45688.5', 'date', 'datetime', '2025-01-31T12:00:00'],
    ['45688', 'datetime', 'date', '2025-01-31'],
    ['45688.5', 'datetime', 'date', '2025-01-31T12:00:00'],
    ['45688.5', 'time', 'datetime', '2025-01-31T12:00:00'],
    ['0.5', 'time', 'datetime', '12:00:00'],
    ['45688.5', 'time', 'time', '12:00:00'],
    ['0.3541666666666667', 'elapsed', 'time', '08:30:00'],
    ['1.5', 'elapsed', 'duration', 'PT36H'],
    ['0.3541666666666667', 'time', 'duration', 'PT8H30M'],
    ['0.00001736111111111', 'elapsed', 'duration', 'PT1.5S'],
    ['0', 'elapsed', 'duration', 'PT0S'],
  ])('%s as %s, for a field of type %s, is %s', (raw, kind, type, text) => {
    expect(read(raw, { style: { kind }, type })).toEqual({ kind: 'date', text });
  });
});

it.each<[string, FieldType, string]>([
  ['2025-01-31', 'date', '2025-01-31'],
  ['2025-01-31T00:00:00', 'date', '2025-01-31'],
  ['2025-01-31T00:00:00.000Z', 'string', '2025-01-31'],
  ['2025-01-31', 'datetime', '2025-01-31T00:00:00'],
  ['2025-01-31T00:00:00', 'datetime', '2025-01-31T00:00:00'],
  ['2025-01-31T10:00:00.6', 'date', '2025-01-31T10:00:00.6'],
])('the ISO date %s for a field of type %s is %s', (text, type, expected) => {
  expect(isoValue(text, type)).toEqual({ kind: 'date', text: expected });
});
