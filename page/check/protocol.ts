/** The face of this room: how the page looks at a file before the file is sent. */
export { inspectFile, startCheck } from './client.ts';
export { type MatchedColumns, matchColumns } from './match-columns.ts';
export type * from './types.ts';
