/**
 * Makes text storable in any database. What comes out of files and names can hold characters that PostgreSQL refuses: NUL
 * and halves of surrogate pairs everywhere, and in a database that is not in UTF-8 every character that its encoding
 * does not have. Reports must be stored all the same, so these characters are written as in JSON: `\u20ac`. Only the server
 * knows which characters it can store, and each is asked for once in a session.
 */
import type { ClientBase } from 'pg';
import { sqlState } from './postgres.ts';

interface ServerText {
  isUnicode: boolean;
  /** For each character that was asked for: can it be stored? */
  isStorable: Map<string, boolean>;
}

const servers = new WeakMap<ClientBase, ServerText>();

/**
 * Must be called in a transaction.
 * @param texts all texts that will be made storable
 * @returns a function that makes one of these texts storable
 */
export async function storableText(client: ClientBase, texts: readonly string[]): Promise<(text: string) => string> {
  const server = await readServer(client);
  if (server.isUnicode) return storableAnywhere;
  await askFor(client, server, texts);
  return (text) => replaceUnstorable(storableAnywhere(text), server, escapeCharacter);
}

/**
 * Like {@link storableText}, for rows in COPY's text format.
 * @param json the positions of columns that hold JSON
 */
export async function storableRows(
  client: ClientBase,
  parts: readonly Buffer[],
  json: ReadonlySet<number>,
): Promise<readonly Buffer[]> {
  const server = await readServer(client);
  if (server.isUnicode) return parts;
  const text = Buffer.concat(parts).toString();
  await askFor(client, server, [text]);
  // A backslash is doubled for COPY, and once more in the text of JSON.
  const inText = (character: string) => escapeCharacter(character).replaceAll('\\', '\\\\');
  const inJson = (character: string) => escapeCharacter(character).replaceAll('\\', '\\\\\\\\');
  const escapeColumn = (column: string, i: number) => replaceUnstorable(column, server, json.has(i) ? inJson : inText);
  const rows = text.split('\n').map((row) => row.split('\t').map(escapeColumn).join('\t'));
  return [Buffer.from(rows.join('\n'))];
}

/** Replaces what no database stores. */
export function storableAnywhere(text: string): string {
  if (text.isWellFormed() && !text.includes('\0')) return text;
  return text.replaceAll('\0', escapeCharacter).replace(/\p{Surrogate}/gu, escapeCharacter);
}

/** Writes each UTF-16 unit of a character as JSON does. */
function escapeCharacter(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

const NOT_ASCII = /[^\p{ASCII}]/gu;

function replaceUnstorable(text: string, { isStorable }: ServerText, put: (character: string) => string): string {
  return text.replace(NOT_ASCII, (character) => (isStorable.get(character) ? character : put(character)));
}

async function readServer(client: ClientBase): Promise<ServerText> {
  const known = servers.get(client);
  if (known) return known;
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding');
  const server = { isUnicode: rows[0]!.server_encoding === 'UTF8', isStorable: new Map<string, boolean>() };
  servers.set(client, server);
  return server;
}

async function askFor(client: ClientBase, { isStorable }: ServerText, texts: readonly string[]): Promise<void> {
  const characters = new Set(texts.flatMap((text) => text.match(NOT_ASCII) ?? []));
  await halve(
    client,
    [...characters].filter((character) => !isStorable.has(character)),
    isStorable,
  );
}

/** Asks for all characters at once, and for each half of them if the server refuses one. */
async function halve(client: ClientBase, characters: string[], isStorable: Map<string, boolean>): Promise<void> {
  if (characters.length === 0) return;
  const areStorable = await takesText(client, characters.join(''));
  if (areStorable || characters.length === 1) {
    for (const character of characters) isStorable.set(character, areStorable);
    return;
  }
  const middle = characters.length >> 1;
  await halve(client, characters.slice(0, middle), isStorable);
  await halve(client, characters.slice(middle), isStorable);
}

async function takesText(client: ClientBase, text: string): Promise<boolean> {
  await client.query('SAVEPOINT text');
  try {
    await client.query('SELECT $1::text', [text]);
    await client.query('RELEASE SAVEPOINT text');
    return true;
  } catch (error) {
    // 22P05: untranslatable character; 22021: character not in repertoire.
    if (!['22P05', '22021'].includes(sqlState(error) ?? '')) throw error;
    await client.query('ROLLBACK TO SAVEPOINT text; RELEASE SAVEPOINT text');
    return false;
  }
}
