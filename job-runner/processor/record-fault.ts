export interface RecordFault {
  code: string;
  /** Null when the fault is of the whole record. */
  field: string | null;
  /** Never a value. */
  message: string;
}
