/** Texts of many languages in the encodings that people still use: each is read as what it is, or refused. */
import iconv from 'iconv-lite';
import { describe, expect, it } from 'vitest';
import { beginsSurelyAsUtf8, evidenceOf, gatherEvidence, guessEncoding } from '#runner/source/guess-encoding.ts';
import { piecesOf } from './pieces.ts';

const TEXTS = {
  French:
    'id;nom;ville\n1;Gérard Depardieu;Orléans\n2;François L’Hôpital;Besançon\n3;Élodie Noël;Saint-Étienne\n4;ŒUVRE;où ça\n5;PRÉNOM;CITÉ\n6;déjà vu à 10 °C;l’œil\n',
  German: 'id;name;ort\n1;Müller;Köln\n2;Groß;Fußgönheim\n3;Jäger;Übersee\n4;Öl für 5 € „gut“;ÄRZTE\n5;STRAßE;süß\n',
  Spanish: 'id,nombre\n1,José Muñoz\n2,María Ibáñez\n3,¿Cómo está? ¡Bien!\n4,ESPAÑA\n5,1.º piso\n',
  Portuguese: 'id,nome\n1,João São\n2,Ações e Opiniões\n3,Conceição\n4,SÃO PAULO\n5,irmã\n',
  Italian: 'id,nome\n1,perché è così\n2,città\n3,Niccolò\n',
  Swedish: 'id,namn\n1,Åsa Öberg\n2,Malmö\n3,Åke Jönsson på väg\n',
  Danish: 'id,navn\n1,Søren Kjær\n2,Århus Ærø\n3,Bjørn på ø\n',
  Finnish: 'id,nimi\n1,Töölö pää\n2,Häkkinen yö\n',
  Dutch: 'id,naam\n1,Zoë Daniël\n2,coördinatie €5\n',
  English: 'id,text\n1,it’s “quoted” – yes…\n2,O’Brien don’t\n3,café ™ © ® ½ £5\n',
  apostrophes: 'id,text\n1,O’Brien\n2,it’s\n3,D’Angelo\n',
  prices: 'id,p\n1,5 €\n2,3 °C\n',
  'Hungarian without double acutes': 'id,n\n1,Kovács Éva\n2,Tóth Ödön\n',
  Icelandic: 'id;m\n1;Þór Jónsson\n2;Guðrún\n3;Reykjavík\n',
  Russian: 'id;city\n1;Москва\n2;Санкт-Петербург\n',
  'Russian letters': 'id;s\n1;м\n2;ж\n3;М\n',
  'Russian words': 'id;a\n1;да\n2;Нет\n',
  Ukrainian: 'id;c\n1;Київ\n2;Львів\n',
  Polish: 'id;m\n1;Łódź\n2;Wrocław\n3;Kraków żółw\n4;Paweł Wiśniewski\n',
  Czech: 'id;m\n1;Plzeň\n2;Dvořák Jiří\n3;České Budějovice\n4;Hřebíček\n',
  Hungarian: 'id;m\n1;Erdős\n2;Győr\n3;Szűcs gyűjtő\n',
  Croatian: 'id;m\n1;Kovačić\n2;Petrović\n3;Đurđević\n',
  Romanian: 'id;m\n1;Bucureşti\n2;Constanţa\n3;Brăila\n',
  Turkish: 'id;m\n1;Şahin\n2;Yıldız\n3;Doğan\n4;Gümüş\n5;Çelik Özgür\n',
  Lithuanian: 'id,n\n1,Šiauliai Žąsis\n2,Kėdainiai\n3,Šeštokų\n',
  Greek: 'id;m\n1;Αθήνα\n2;Θεσσαλονίκη\n',
  Hebrew: 'id,n\n1,שלום\n',
  Arabic: 'id,n\n1,سلام\n',
  Thai: 'id,n\n1,กรุงเทพ\n',
  'simplified Chinese': 'id,city\n1,北京\n2,上海\n',
  'traditional Chinese': 'id,n\n1,台北\n2,陳小明\n',
  Japanese: 'id,n\n1,東京\n2,山田太郎\n3,テスト\n',
  'one kana': 'id,n\n1,あ\n',
  'one kanji': 'id,n\n1,田\n',
  Korean: 'id,n\n1,서울\n2,김철수\n',
  names: 'id,name\n1,Müller\n2,Café\n',
  'Spanish names': 'id,n\n1,García\n2,España\n',
} as const;
type Language = keyof typeof TEXTS;

const guess = (bytes: Buffer) => guessEncoding(evidenceOf(bytes));
const WESTERN: Language[] = ['French', 'German', 'Spanish', 'Portuguese', 'Italian', 'Swedish', 'Danish'];
const NAMES: Language[] = ['names', 'Spanish names'];
const CENTRAL: Language[] = ['Polish', 'Czech', 'Hungarian', 'Croatian'];
const CYRILLIC: Language[] = ['Russian', 'Russian letters', 'Russian words'];
const JAPANESE: Language[] = ['Japanese', 'one kana', 'one kanji'];

it.each<Language>([
  ...[...WESTERN, ...NAMES],
  ...(['Finnish', 'Dutch', 'English', 'apostrophes', 'prices', 'Hungarian without double acutes'] as const),
])('%s is read as Windows-1252', (language) => {
  expect(guess(iconv.encode(TEXTS[language], 'windows-1252'))).toBe('windows-1252');
});

describe('no other encoding is read as Windows-1252 in silence', () => {
  it.each<[encoding: string, candidate: string, languages: Language[]]>([
    ['windows-1251', 'windows-1251', [...CYRILLIC, 'Ukrainian']],
    ['koi8-r', 'koi8-r', CYRILLIC],
    ['cp866', 'cp866', CYRILLIC],
    ['iso-8859-5', '', ['Russian']],
    ['maccyrillic', '', ['Russian']],
    ['windows-1250', 'windows-1250', [...CENTRAL, 'Romanian']],
    ['iso-8859-2', 'iso-8859-2', [...CENTRAL, 'Romanian']],
    ['cp852', 'cp852', CENTRAL],
    ['windows-1254', 'windows-1254', ['Turkish']],
    ['windows-1257', 'windows-1257', ['Lithuanian']],
    ['windows-1253', 'windows-1253', ['Greek']],
    ['windows-1255', '', ['Hebrew']],
    ['windows-1256', 'windows-1256', ['Arabic']],
    ['windows-874', 'windows-874', ['Thai']],
    ['gbk', 'gbk', ['simplified Chinese']],
    ['big5', 'big5', ['traditional Chinese']],
    ['shift_jis', '', JAPANESE],
    ['eucjp', '', JAPANESE],
    ['cp949', 'euc-kr', ['Korean']],
    ['cp850', 'cp850', [...WESTERN, ...NAMES]],
    ['cp437', 'cp437', ['German', 'Italian', 'Swedish', ...NAMES]],
    ['macintosh', '', [...WESTERN, ...NAMES, 'Dutch', 'English']],
    ['iso-8859-15', '', ['German', 'prices', 'French']],
    // The letters of Icelandic are those of Turkish in another code page, so nobody can tell the two apart.
    ['windows-1252', '', ['Icelandic']],
  ])('%s', (encoding, candidate, languages) => {
    for (const language of languages) {
      const bytes = iconv.encode(TEXTS[language], encoding);
      expect(() => guess(bytes), language).toThrow(/Declare its encoding as spec\.format\.encoding/);
      if (candidate) expect(() => guess(bytes), language).toThrow(new RegExp(`candidates: [^)]*${candidate}`));
    }
  });

  it.each([0x81, 0x8d, 0x8f, 0x90, 0x9d])('a byte that Windows-1252 does not have: %i', (byte) => {
    const bytes = Buffer.concat([iconv.encode(TEXTS.German, 'windows-1252'), Buffer.from([0x61, byte, 0x0a])]);
    expect(() => guess(bytes)).toThrow(/no text of Windows-1252 holds \(1 bytes\)/);
  });
});

describe('UTF-8 with mistakes stays UTF-8', () => {
  const latin1 = (text: string) => Buffer.from(text, 'latin1');
  it.each<[string, Buffer[]]>([
    ['one mistake, one character', [Buffer.from('id,name\n1,Zoë\n'), latin1('2,Caf\xe9\n')]],
    ['the mistake first', [latin1('id,name\n2,Caf\xe9\n'), Buffer.from('1,Zoë\n')]],
    ['a byte that Windows-1252 does not have', [Buffer.from('id,name\n1,Zoë\n'), latin1('2,Caf\x81\n')]],
    ['a character that the end of the file cuts off', [Buffer.from('id,name\n1,a\n2,\u20ac').subarray(0, -1)]],
    ['Russian with mistakes', [Buffer.from(TEXTS.Russian), latin1('3;\xff\n4;a\xe9b\n')]],
    [
      'Chinese that was cut',
      [Buffer.from('北京上海'.repeat(8)), Buffer.from('北').subarray(0, 2), Buffer.from('京\n')],
    ],
  ])('%s', (_name, parts) => {
    expect(guess(Buffer.concat(parts))).toBe('utf-8');
  });

  it('as many characters of both is neither', () => {
    const mixed = Buffer.concat([Buffer.from('1,Zoë\n2,Noël\n'), latin1('3,Caf\xe9\n4,M\xfcller\n5,K\xf6ln\n')]);
    expect(() => guess(mixed)).toThrow(/mixes UTF-8 \(2 characters\) with another encoding \(3 bytes\)/);
  });
});

describe('the beginning of a file decides for UTF-8', () => {
  const begin = (text: string, characters: number, strays: number) =>
    Buffer.concat([Buffer.from(`1,${text}\n`.repeat(characters)), Buffer.from('2,a\xff\n'.repeat(strays), 'latin1')]);

  it.each<[text: string, characters: number, strays: number, isSure: boolean]>([
    ['Zoë', 100, 1, true],
    ['Zoë', 99, 1, false],
    ['Zoë', 1000, 100, true],
    ['Zoë', 999, 99, false],
    ['Zoë', 1000, 101, false],
    ['Zoë', 1000, 0, false],
  ])('%s %i times and %i stray bytes: %s', (text, characters, strays, isSure) => {
    expect(beginsSurelyAsUtf8(begin(text, characters, strays))).toBe(isSure);
  });

  it('words of Windows-1252 that look like UTF-8 do not', () => {
    expect(
      beginsSurelyAsUtf8(iconv.encode(`${'1,CAFÉ’S\n'.repeat(1000)}${'2,über\n'.repeat(20)}`, 'windows-1252')),
    ).toBe(false);
  });

  it('the rest of a large file with many mistakes is not read', async () => {
    const bytes = Buffer.concat(Array.from({ length: 20_000 }, () => begin('Zoë', 12, 1)));
    const { length } = await gatherEvidence(piecesOf(bytes, [bytes.length]));
    expect(length).toBeLessThanOrEqual(64 * 1024);
  });
});

it('capitals before quotation marks, as Windows-1252 has them, are no UTF-8', () => {
  const bytes = iconv.encode('1,CAFÉ’S\n2,«É»\n3,groß“\n4,Müller\n5,Köln\n6,Café „groß“\n', 'windows-1252');
  expect(guess(bytes)).toBe('windows-1252');
});

it('the evidence is the same at any cut', async () => {
  const bytes = iconv.encode(`${TEXTS.French}${TEXTS.English}`, 'windows-1252');
  const whole = evidenceOf(bytes);
  for (let cut = 1; cut < bytes.length; cut += 7) {
    expect(await gatherEvidence(piecesOf(bytes, [cut, cut + 3]))).toEqual(whole);
  }
});

it('no text', () => {
  const bytes = Buffer.from(Array.from({ length: 999 }, (_, i) => 1 + (i % 255)));
  expect(() => guess(bytes)).toThrow(/not text/);
});
