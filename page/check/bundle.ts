/**
 * How the record processor is bundled for a browser: nothing of Node is left in it, and `Buffer` is that of the package
 * `buffer`.
 */
import { createRequire } from 'node:module';
import type { Plugin } from 'vite';

/** An empty module in place of `stream`: sax and iconv-lite then make no stream class. */
const NO_STREAM = '\0no-stream';
/** A module in place of `string_decoder`: iconv-lite uses the class for texts in pieces alone. */
const NO_STRING_DECODER = '\0no-string-decoder';
/** An empty table in place of each that iconv-lite has for encodings which a browser decodes itself. */
const NO_TABLE = '\0no-table';
const UNUSED_TABLE = /\/tables\/(cp936|gbk-added|gb18030-ranges|shiftjis|eucjp)\.json$/;
const STUBS: Record<string, string> = {
  [NO_STREAM]: 'module.exports = {};',
  [NO_TABLE]: 'module.exports = [];',
  [NO_STRING_DECODER]: 'module.exports = { StringDecoder: class {} };',
};
const BUFFER = createRequire(import.meta.url).resolve('buffer/');

export const withoutNode: Plugin = {
  name: 'without-node',
  // Vite has an answer of its own for modules of Node.
  enforce: 'pre',
  resolveId(id, importer = '') {
    if (id === 'stream' && /\/(sax|iconv-lite)\/lib\//.test(importer)) return NO_STREAM;
    if (UNUSED_TABLE.test(id) && /\/iconv-lite\//.test(importer)) return NO_TABLE;
    if (id === 'string_decoder' && /\/iconv-lite\//.test(importer)) return NO_STRING_DECODER;
    if (id === 'buffer' && /\/safer-buffer\//.test(importer)) return BUFFER;
    return undefined;
  },
  load: (id) => STUBS[id],
};

/** Every file that names `Buffer` imports it. */
export const BUFFER_OF_PACKAGE = { inject: { Buffer: ['buffer/', 'Buffer'] as [string, string] } };
