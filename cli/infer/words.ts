/** What a column's name says: its words, names for PostgreSQL, and whether the column looks personal or like a code. Pure. */

/** The words of a name in lower case, without accents: `postalCode2` has postal, code and 2. */
export function wordsOf(name: string): string[] {
  return name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/ß/g, 'ss')
    .replace(/([\p{Ll}0-9])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** The most bytes of a PostgreSQL identifier. */
const IDENTIFIER_BYTES = 63;

/** An identifier of lower-case letters, digits and `_` that needs no quotes but where it is a word of SQL. */
export function toIdentifier(name: string, fallback: string): string {
  const words = wordsOf(name)
    .map((word) => word.replace(/[^\p{L}\p{N}]/gu, ''))
    .join('_');
  const text = /^\p{L}/u.test(words) ? words : words === '' ? fallback : `${fallback}_${words}`;
  return cutBytes(text, IDENTIFIER_BYTES);
}

/** The names in order, each made distinct from the ones before. */
export function toIdentifiers(names: readonly string[], taken: Iterable<string> = []): string[] {
  const used = new Set(taken);
  return names.map((name) => {
    const base = toIdentifier(name, 'column');
    let identifier = base;
    for (let n = 2; used.has(identifier); n += 1)
      identifier = `${cutBytes(base, IDENTIFIER_BYTES - 1 - String(n).length)}_${n}`;
    used.add(identifier);
    return identifier;
  });
}

function cutBytes(text: string, maxBytes: number): string {
  let bytes = 0;
  let cut = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    cut += character;
  }
  return cut;
}

/** A name for a Kubernetes resource. */
export function toResourceName(name: string): string {
  const ascii = wordsOf(name)
    .join('-')
    .replace(/[^a-z0-9-]+/g, '')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
  return ascii === '' ? 'records' : ascii;
}

/** A file's name without its folder and its endings: `people` of `data/people.csv.gz`. */
export function nameOfFile(key: string): string {
  return key
    .replace(/^.*[/\\]/, '')
    .replace(/\.(gz|zst|zip)$/i, '')
    .replace(/\.(csv|tsv|tab|txt|dat|ndjson|jsonl|json|xlsx)$/i, '');
}

const PERSONAL = new Set(
  'ssn sin birth birthday birthdate dob born email mail phone tel telephone mobile cell fax address addr street passport iban surname forename firstname lastname fullname middlename maiden gender sex race ethnicity religion pregnancy pregnant diagnosis disability salary income wage medicaid medicare geburtsdatum vorname nachname adresse strasse telefon'.split(
    ' ',
  ),
);
const PERSONS = new Set(
  'first last middle given family full member customer patient client person employee contact user sur student teacher applicant guardian spouse owner'.split(
    ' ',
  ),
);

/** Does the name say that the values are of a person? A `name` alone may be a product's. */
export function looksPersonal(name: string): boolean {
  const words = wordsOf(name);
  if (words.some((word) => PERSONAL.has(word))) return true;
  if (words.includes('social') && words.includes('security')) return true;
  return words.includes('name') && words.some((word) => PERSONS.has(word));
}

const CODES = new Set(
  'zip zipcode postal postcode plz phone telephone tel mobile cell fax ssn ein tin npi fips iban bic swift isbn issn ean upc gtin sku account card passport license licence vin code barcode imei'.split(
    ' ',
  ),
);

/** Codes are made of digits, but nobody computes with them: as numbers they would lose leading zeros. */
export function looksLikeCode(name: string): boolean {
  return wordsOf(name).some((word) => CODES.has(word.replace(/[0-9]+$/, '')));
}

const KEYS = new Set('id key uuid guid identifier no nr number num code'.split(' '));

export function looksLikeKey(name: string): boolean {
  return wordsOf(name).some((word) => KEYS.has(word));
}

export function looksLikeId(name: string): boolean {
  return wordsOf(name).some((word) => word === 'id' || word === 'identifier');
}

export function hasWord(name: string, ...words: string[]): boolean {
  return wordsOf(name).some((word) => words.includes(word));
}
