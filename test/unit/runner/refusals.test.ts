import { describe, expect, it } from 'vitest';
import { mayBeOfRecord, refusedRow } from '#runner/load/refusals.ts';

const at = (where: string) => Object.assign(new Error('refused'), { where });

describe('COPY stops while it reads the value of a column, and the server speaks any language', () => {
  it.each([
    'COPY orte, line 3, column g: "x"',
    'COPY orte, line 3, column g',
    'COPY orte, line 3, column 2024: "x"',
    'COPY orte, Zeile 3, Spalte g: »x«',
    'COPY orte, ligne 3, colonne g : « x »',
    'COPY orte, línea 3, columna g: «x»',
    'COPY orte, строка 3, столбец g: "x"',
    'COPY orte, 行 3, 列 g: "x"',
    'orteのCOPY、行 3、列 g: "x"',
    'orte 복사, 3번째 줄, g 열: "x"',
    'COPY orte, 3행, g 열: null 입력',
    'COPY orte, 2024, Zeile 3, Spalte g: »x«',
    'COPY a, b, Zeile 3, Spalte g: »x«',
  ])('%s', (where) => {
    for (const code of ['XX000', '42P01', '42501', '0A000'])
      expect(mayBeOfRecord({ code, where, routine: undefined })).toBe(true);
    expect(refusedRow(at(where))).toBe(2);
  });
});

describe('COPY stops behind the reading of values: the table may be at fault', () => {
  it.each([
    'COPY orte, line 3',
    'COPY orte, line 3: "whole line"',
    'COPY orte, line 3: "a, line 4, column g"',
    'COPY orte, Zeile 3: »a, Zeile 4, Spalte g«',
    'COPY orte, ligne 3 : « a, b 4, c »',
    'orteのCOPY、行 3: "a、行 4、列 g"',
    'orte 복사, 3번째 줄: "a, 4번째 줄, g 열"',
    'COPY orte, 2024, line 3: "a"',
    'PL/pgSQL function f() line 2 at RAISE\nCOPY orte, line 3, column g',
  ])('%s', (where) => {
    for (const code of ['XX000', '42P01', '42501', '0A000'])
      expect(mayBeOfRecord({ code, where, routine: undefined })).toBe(false);
    expect(refusedRow(at(where))).toBe(2);
  });
});

it('an error of another statement names no row', () => {
  expect(refusedRow(at('SQL statement "SELECT 1, 2"'))).toBeNull();
  expect(refusedRow(new Error('no context'))).toBeNull();
});

it('a queue of notifications that is full is not the fault of a record, as other limits are', () => {
  expect(mayBeOfRecord({ code: '54000', where: undefined, routine: 'PreCommit_Notify' })).toBe(false);
  expect(mayBeOfRecord({ code: '54000', where: undefined, routine: 'index_form_tuple' })).toBe(true);
});
