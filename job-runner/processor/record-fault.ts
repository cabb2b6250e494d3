export interface RecordFault {
  code: string;
  /** Null for a fault of the whole record. */
  field: string | null;
  /** The message never holds a value. */
  message: string;
}
