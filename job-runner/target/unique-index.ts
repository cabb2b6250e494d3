/**
 * The condition that ON CONFLICT may find duplicates by the index `i` of pg_index: the index is unique, covers all rows, and
 * has columns alone. ON CONFLICT passes a key WITHOUT OVERLAPS over, which is an exclusion constraint as well. Whether
 * the index is deferrable (`i.indimmediate`) is another question.
 */
export const IS_UNIQUE_KEY =
  'i.indisunique AND NOT i.indisexclusion AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL';
