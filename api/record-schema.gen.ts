/** Generated from crds/recordschemas.yaml (v1alpha1) by `make generate`; do not edit. */

export interface RecordSchemaSpec {
  /**
   * The fields of a record. A file's header is matched to them by name, letter case and spaces aside, in any order.
   */
  fields: {
    name: string;
    title?: string;
    description?: string;
    type:
      | 'string'
      | 'integer'
      | 'number'
      | 'boolean'
      | 'date'
      | 'time'
      | 'datetime'
      | 'year'
      | 'yearmonth'
      | 'duration'
      | 'object'
      | 'array'
      | 'any';
    /**
     * Of a string: email, uri, uuid or binary (base64). Of a date, time or datetime: words of strptime, as in %d.%m.%Y; the value that is loaded is the ISO 8601 form.
     */
    format?: string;
    /**
     * What stands before the fraction of a number; default: a point.
     */
    decimalChar?: string;
    /**
     * What groups the digits of a number by three before the decimalChar, as the comma in 1,234.
     */
    groupChar?: string;
    /**
     * When false a unit or a currency may stand before or behind the number, as in EUR 95 or 95%; it is left out.
     */
    bareNumber?: boolean;
    /**
     * What means true; default: true, True, TRUE, 1.
     */
    trueValues?: string[];
    /**
     * What means false; default: false, False, FALSE, 0.
     */
    falseValues?: string[];
    constraints?: {
      required?: boolean;
      enum?: string[];
      /**
       * RE2 syntax, matched against the field's text whatever its type.
       */
      pattern?: string;
      minLength?: number;
      maxLength?: number;
      minimum?: string;
      maximum?: string;
      exclusiveMinimum?: string;
      exclusiveMaximum?: string;
    };
    /**
     * Texts that mean "no value" in this field, instead of the schema's. Blank text always does.
     */
    missingValues?: string[];
    /**
     * Other names of the field in a file's header.
     */
    aliases?: string[];
    /**
     * Values are masked wherever a record is kept for people.
     */
    sensitive?: boolean;
    /**
     * The code of this field's faults, instead of the one of the rule (a missing value stays VAL_001).
     */
    code?: string;
  }[];
  /**
   * How the header must match the fields. equal (default): the same names in any order. exact: in the same order. subset: the file has all fields and may have more. superset: the file may lack fields that are not required. partial: at least one field matches.
   */
  fieldsMatch: 'exact' | 'equal' | 'subset' | 'superset' | 'partial';
  /**
   * Texts that mean "no value". Blank text always does.
   */
  missingValues?: string[];
  /**
   * The fields that make a record unique; they are required. The target table must have a unique index on exactly their columns.
   */
  primaryKey: string[];
  /**
   * Rules over the fields of one record. All that are violated are reported, together with the faults of fields; a rule that reads a field at fault is left out.
   */
  rules?: {
    /**
     * A CEL expression over the record's fields (by name) that must give true. A missing value is null; a rule that cannot be computed is violated.
     */
    rule: string;
    /**
     * What a person reads who has to correct the record.
     */
    message: string;
    /**
     * The code of the fault.
     */
    code: string;
  }[];
  target: {
    /**
     * Name of the table, with its schema in front if needed, as in sales.orders. Case-sensitive.
     */
    table: string;
    /**
     * Make the table if it is absent. When false an absent table is a condition of the upload.
     */
    create: boolean;
    /**
     * What happens to a record whose key is already stored. Skip: counted as duplicate, DUP_001. Update: it takes the place of the stored row and is counted in updated. Fail: it fails with DUP_001. Of equal keys in one file the lowest row number stays with Skip and Fail, the highest with Update; the others are duplicates, or failed with Fail. That the choice does not depend on which chunk commits first takes columns for uploadId and rowNumber; the counts are exact without them too.
     */
    onDuplicate: 'Skip' | 'Update' | 'Fail';
    columns: {
      name: string;
      /**
       * PostgreSQL type of the column when the table is made. When absent the field's type says it; a CEL value is text.
       */
      type?:
        | 'text'
        | 'date'
        | 'time'
        | 'timestamptz'
        | 'interval'
        | 'bigint'
        | 'integer'
        | 'numeric'
        | 'double precision'
        | 'boolean'
        | 'uuid'
        | 'jsonb'
        | 'json';
      /**
       * The field that the column gets.
       */
      field?: string;
      /**
       * A JSON object made from fields; blank ones are left out.
       */
      json?: {
        /**
         * Where the value goes; dots make nested objects, as in name.first.
         */
        path: string;
        field?: string;
        /**
         * A CEL expression over the record's fields (by name); null leaves the property out.
         */
        value?: string;
      }[];
      /**
       * A CEL expression over the record's fields (by name); null and empty text are NULL.
       */
      value?: string;
      /**
       * A value that the loader knows: the upload's id, the row number, or a new uuid (version 7) for each row. A uuid column is better filled by it than by a default such as gen_random_uuid(), with which PostgreSQL stores rows one by one, all over the index.
       */
      system?: 'uploadId' | 'rowNumber' | 'uuid';
    }[];
  };
}
