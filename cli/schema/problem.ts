/** One thing that is wrong with a RecordSchema file. */
export interface SchemaProblem {
  /** As in `spec.fields[2].type`; empty for the file as a whole. */
  path: string;
  message: string;
  /** The line of the YAML file, from 1; null where no line is known. */
  line: number | null;
}
