/** Conditions of a RecordSchema, for programs. A reason that an upload has too has the same name. */
import { REASONS } from './conditions.ts';
import type { RecordSchemaStatus } from './record-schema.gen.ts';

export type SchemaCondition = NonNullable<RecordSchemaStatus['conditions']>[number];

export const SCHEMA_REASONS = {
  // Ready = True
  /** Uploads can use the RecordSchema. */
  Valid: 'Valid',
  // Ready = False
  /** The RecordSchema cannot be compiled; the message names every fault with its path. */
  SchemaInvalid: REASONS.SchemaInvalid,
  // TargetReady = True
  /** The table can be loaded. */
  TargetVerified: 'TargetVerified',
  /** The table does not exist, and the first upload creates it. */
  TargetWillBeCreated: 'TargetWillBeCreated',
  // TargetReady = Unknown
  /** The RecordSchema has a fault, so that its table was not looked at. */
  NotChecked: 'NotChecked',
} as const;
