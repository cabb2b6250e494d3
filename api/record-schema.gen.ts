/** Generated from crds/recordschemas.yaml (v1alpha1) by `make generate`; do not edit. */

/**
 * spec describes the fields of a record, the rules that a record must meet, and the table that records go to. The words are those of the Frictionless Table Schema, version 2, where that standard has words.
 */
export interface RecordSchemaSpec {
  /**
   * fields lists the fields of a record. A column of the file belongs to the field whose name or alias stands in the header; letter case, spaces, underscores and hyphens do not matter.
   */
  fields: {
    /**
     * name is the name of the field, here and in the header of a file. In the header, letter case, spaces, underscores and hyphens do not matter.
     */
    name: string;
    /**
     * title is a name of the field for people. The title has no effect on loading.
     */
    title?: string;
    /**
     * description explains the field to people. The description has no effect on loading.
     */
    description?: string;
    /**
     * type says which texts are values of the field and how they are loaded. A text that is not a value of the type fails the record. A string, like any, takes every text. The default is string.
     */
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
     * format narrows the type. For a string, format is email, uri, uuid or binary (base64). For a date, time or datetime, format is a strptime pattern such as %d.%m.%Y; the value that is loaded has the ISO 8601 form all the same. When absent or default, a string may be any text, and dates and times must have the ISO 8601 form.
     */
    format?: string;
    /**
     * decimalChar is the character before the fraction of a number. When absent, a point is used.
     */
    decimalChar?: string;
    /**
     * groupChar is the character that groups the digits before the fraction by three, as the comma in 1,234. When absent, digits are not grouped.
     */
    groupChar?: string;
    /**
     * bareNumber says whether the number stands alone. When false, a unit or a currency may stand before or behind the number, as in EUR 95 or 95%, and is left out. When absent, the value is true.
     */
    bareNumber?: boolean;
    /**
     * trueValues lists the texts that mean true. When absent, these are true, True, TRUE and 1.
     */
    trueValues?: string[];
    /**
     * falseValues lists the texts that mean false. When absent, these are false, False, FALSE and 0.
     */
    falseValues?: string[];
    /**
     * constraints lists what every value of the field must meet. All violated constraints of a record are reported. A missing value violates required alone.
     */
    constraints?: {
      /**
       * required says whether a missing value fails the record, with code VAL_001. When absent, the value is false; the fields of primaryKey are required in any case.
       */
      required?: boolean;
      /**
       * enum lists the texts that are allowed, as they stand in the file. Any other text fails the record with code VAL_004.
       */
      enum?: string[];
      /**
       * pattern is an RE2 expression that must match somewhere in the field's text, whatever the type; put ^ and $ around the expression to match the whole text. A text that does not match fails the record with code VAL_007.
       */
      pattern?: string;
      /**
       * minLength is the least number of characters of a string. A shorter text fails the record with code VAL_008.
       */
      minLength?: number;
      /**
       * maxLength is the greatest number of characters of a string. A longer text fails the record with code VAL_008.
       */
      maxLength?: number;
      /**
       * minimum is the least value that is allowed, written as the field's values are. A lesser value fails the record with code VAL_009.
       */
      minimum?: string;
      /**
       * maximum is the greatest value that is allowed, written as the field's values are. A greater value fails the record with code VAL_009.
       */
      maximum?: string;
      /**
       * exclusiveMinimum is a bound that every value must exceed, written as the field's values are. A value that is equal or less fails the record with code VAL_009.
       */
      exclusiveMinimum?: string;
      /**
       * exclusiveMaximum is a bound that every value must stay below, written as the field's values are. A value that is equal or greater fails the record with code VAL_009.
       */
      exclusiveMaximum?: string;
    };
    /**
     * missingValues lists the texts that mean "no value" in this field, instead of the missingValues of the schema. Blank text always means "no value".
     */
    missingValues?: string[];
    /**
     * aliases lists other names that the field may have in the header of a file.
     */
    aliases?: string[];
    /**
     * sensitive says whether the values of the field are masked wherever a record is kept for people. When absent, the value is false.
     */
    sensitive?: boolean;
    /**
     * code is the error code of the faults of this field, instead of the code of the violated type or constraint. A missing value keeps the code VAL_001.
     */
    code?: string;
  }[];
  /**
   * fieldsMatch says how the header of a file must match the fields. equal: the same names in any order. exact: the same names in the same order. subset: the file has all fields and may have more columns. superset: the file may lack fields that are not required. partial: at least one field matches. A header that does not match fails the upload with reason HeaderMismatch. The default is equal.
   */
  fieldsMatch: 'exact' | 'equal' | 'subset' | 'superset' | 'partial';
  /**
   * missingValues lists the texts that mean "no value" in every field without missingValues of its own. Blank text always means "no value".
   */
  missingValues?: string[];
  /**
   * primaryKey lists the fields that together make a record unique. These fields are required, each needs a column, and the target table must have a unique index on exactly these columns. When absent, every valid record is appended to the table once, no record is a duplicate, and the table needs no unique index; a file of other content that repeats records appends them again.
   */
  primaryKey?: string[];
  /**
   * rules lists conditions over several fields of one record. All rules that are violated are reported, together with the faults of fields; a rule that reads a field at fault is left out.
   */
  rules?: {
    /**
     * rule is a CEL expression over the record's fields (by name) that must give true. A missing value is null. A rule that cannot be computed is violated.
     */
    rule: string;
    /**
     * message tells the person who corrects the record what is wrong.
     */
    message: string;
    /**
     * code is the error code of a record that violates the rule. The code begins with BIZ_.
     */
    code: string;
  }[];
  /**
   * target says which table the records go to and what its columns get.
   */
  target: {
    /**
     * table is the name of the table, with its PostgreSQL schema in front if needed, as in sales.orders. Letter case matters.
     */
    table: string;
    /**
     * create says whether the operator creates the table if the table is absent. When false, an upload waits for the table, and its Accepted condition shows the SQL that creates the table. The default is false.
     */
    create: boolean;
    /**
     * onDuplicate says what happens to a record whose key is stored already. Skip: the stored row stays, and the record is counted as duplicate with code DUP_001. Update: the record takes the place of the stored row and is counted in updated. Fail: the stored row stays, and the record fails with code DUP_001. Of equal keys in one file the lowest row number stays with Skip and Fail, and the highest with Update; the others are duplicates or, with Fail, failed records. Give the table columns for uploadId and rowNumber, so that this choice does not depend on which chunk commits first; the counts are exact without these columns, too. Without primaryKey no record is a duplicate, and only Skip is allowed. The default is Skip.
     */
    onDuplicate: 'Skip' | 'Update' | 'Fail';
    /**
     * columns lists the columns of the table that records fill. Each gets its value from exactly one of field, json, value and system.
     */
    columns: {
      /**
       * name is the name of the column in the table. Letter case matters.
       */
      name: string;
      /**
       * type is the PostgreSQL type of the column when the operator creates the table. When absent, the type of the field decides; a CEL value is text, and json is jsonb.
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
       * field is the name of the field whose value the column gets.
       */
      field?: string;
      /**
       * json lists the properties of a JSON object that the column gets. A property without a value is left out.
       */
      json?: {
        /**
         * path is the place of the property in the object. Dots make nested objects, as in name.first.
         */
        path: string;
        /**
         * field is the name of the field whose value the property gets.
         */
        field?: string;
        /**
         * value is a CEL expression over the record's fields (by name) whose result the property gets. A result of null leaves the property out. An expression that cannot be computed fails the record with code VAL_006.
         */
        value?: string;
      }[];
      /**
       * value is a CEL expression over the record's fields (by name) whose result the column gets. Null and empty text are stored as NULL. An expression that cannot be computed fails the record with code VAL_006.
       */
      value?: string;
      /**
       * system is a value that the loader knows: uploadId (the uid of the BatchUpload), rowNumber (the row of the record in the file, where the header is row 1), or uuid (a new UUID of version 7 for each row). Prefer uuid to a column default such as gen_random_uuid(), with which PostgreSQL stores rows one by one, all over the index.
       */
      system?: 'uploadId' | 'rowNumber' | 'uuid';
    }[];
  };
}

/**
 * status is what the operator has observed of the RecordSchema.
 */
export interface RecordSchemaStatus {
  /**
   * observedGeneration is the generation of the spec that the status describes.
   */
  observedGeneration?: number;
  /**
   * conditions describe the state of the RecordSchema for programs. Every type of condition occurs at most once.
   */
  conditions?: {
    /**
     * type is what the condition is about. Ready: uploads can use the RecordSchema. TargetReady: the table in the database of the namespace's default Secret can be loaded.
     */
    type: 'Ready' | 'TargetReady';
    /**
     * status says whether the condition holds: True, False, or Unknown when the operator cannot tell.
     */
    status: 'True' | 'False' | 'Unknown';
    /**
     * observedGeneration is the generation of the spec that the condition describes.
     */
    observedGeneration?: number;
    /**
     * lastTransitionTime is the time at which the status of the condition last changed.
     */
    lastTransitionTime: string;
    /**
     * reason is a CamelCase word that tells programs why the condition has its status.
     */
    reason: string;
    /**
     * message tells people what happened, why, and what to do.
     */
    message: string;
  }[];
}
