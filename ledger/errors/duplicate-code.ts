/**
 * The code of a record that lost to another record with its key. Such records count as failed only under the policy
 * Fail.
 */
export const DUPLICATE_CODE = 'DUP_001';
