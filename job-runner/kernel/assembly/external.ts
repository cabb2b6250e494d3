/**
 * Runs the callback of the number `id` on the record under way.
 * @param out where the callback may write up to EXTERNAL_ROOM bytes
 * @param isFirst 1 when a JSON member would be the first of its object
 * @returns where the written bytes end: `out` itself for nothing, -1 when the record is not ordinary
 */
export declare function callExternal(id: i32, out: i32, isFirst: i32): i32;
