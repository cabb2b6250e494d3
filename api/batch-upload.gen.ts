/** Generated from crds/batchuploads.yaml (v1alpha1) by `make generate`; do not edit. */

/**
 * What to load. Only parallelism, the limits of errorPolicy and retryGeneration can be changed later.
 */
export interface BatchUploadSpec {
  /**
   * Where the records come from.
   */
  source: {
    /**
     * How the file arrived; kept for the audit.
     */
    type: 'Manual' | 'API' | 'UI' | 'FTP' | 'S3Event';
    /**
     * What told of the file, where something did; kept for the audit.
     */
    event?: {
      /**
       * Of the event, as its sender names it.
       */
      id?: string;
      /**
       * When the file was there, as the sender of the event says.
       */
      time?: string;
      /**
       * The UploadSource, in the same namespace, that created this upload.
       */
      uploadSource?: string;
    };
    s3: {
      bucket: string;
      /**
       * Key of the object, as it is (not URL-encoded).
       */
      key: string;
      /**
       * The version to load; the latest at planning time when absent.
       */
      versionId?: string;
      /**
       * Load only if the object's ETag is this one.
       */
      eTag?: string;
      /**
       * URL of an S3-compatible server as pods reach it. Before the Secret's AWS_ENDPOINT_URL_S3.
       */
      endpoint?: string;
      region?: string;
      /**
       * Put the bucket into the path instead of the host name; on by default when an endpoint is set.
       */
      forcePathStyle?: boolean;
      /**
       * Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if needed, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3. Without it batch-upload-s3 where it exists, else the pod's own AWS identity.
       */
      credentialsSecretRef?: {
        name: string;
      };
    };
  };
  /**
   * What kind of file the object is. What is not declared is detected; a declaration that the file contradicts fails the upload.
   */
  format?: {
    type?: 'csv' | 'ndjson' | 'xlsx';
    compression?: 'none' | 'gzip' | 'zip' | 'zstd';
    encoding?: 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252' | 'iso-8859-1';
    /**
     * How a CSV is written, in the words of the Frictionless Table Dialect. Every character is one of ASCII; the delimiter is detected when absent.
     */
    dialect?: {
      delimiter?: string;
      /**
       * " when absent; empty for a file without quoting.
       */
      quoteChar?: string;
      /**
       * A quote inside a quoted field is written twice; true when absent.
       */
      doubleQuote?: boolean;
      /**
       * The character after it stands for itself, inside quotes and outside.
       */
      escapeChar?: string;
      /**
       * A line that begins with it is no record.
       */
      commentChar?: string;
      /**
       * Spaces before a field are not part of it.
       */
      skipInitialSpace?: boolean;
    };
  };
  /**
   * Where a file that is not plain UTF-8 CSV is copied as such while it is loaded.
   */
  work?: {
    s3: {
      /**
       * With the source's endpoint and keys; the source's bucket when spec.work is absent.
       */
      bucket: string;
    };
  };
  /**
   * The RecordSchema, in the same namespace. Pinned when the upload is accepted.
   */
  schemaRef: {
    name: string;
  };
  /**
   * Commit loads the records. Validate does everything but that: it says what would be inserted (succeeded), updated and refused, also by the database, and writes nothing but the ledger (a table that the schema says to create is made). Records that only another unique index of the table or a trigger would refuse because of another chunk of the same file are not found.
   */
  mode: 'Commit' | 'Validate';
  /**
   * Load the object even if the same content was loaded with the same schema from this namespace before. When false such an upload is Complete at once, reason AlreadyLoaded, and has no records of its own; while another one loads the same content it is Queued, and goes on if that one fails.
   */
  reload: boolean;
  /**
   * Records in a chunk, the unit of transaction and audit. A chunk also ends at 8 MiB.
   */
  chunkRecords: number;
  /**
   * Pods that process at the same time. Can be changed while the upload runs, up to as many as the plan has indexes (status.plan.indexes).
   */
  parallelism: number;
  /**
   * How many failed records are too many, and what is kept of them. Duplicates are not failed records, unless the schema's onDuplicate is Fail. The limits can be changed while the upload runs.
   */
  errorPolicy?: {
    /**
     * When more records than this have failed, the upload stops as Failed, reason TooManyFailedRecords. What was loaded until then stays.
     */
    maxFailedRecords?: number;
    /**
     * The same for a share of all records of the file, so that a bad first page does not stop a big file.
     */
    maxFailedPercent?: number;
    /**
     * Keep the text of failed records in the ledger, with sensitive fields masked. When false only row number, place in the file, code and message are kept.
     */
    storeRowData: boolean;
  };
  /**
   * Raise it to try a Failed upload again, once for every time it is raised. Chunks that are done stay done; the others are loaded by the same plan and schema, or the file is planned again if there is no plan. Refused, with the reason in the Failed condition, after SourceChanged, and where what the upload needs to go on is removed at its end. 0 when absent.
   */
  retryGeneration?: number;
  target?: {
    /**
     * Secret with uri and, if needed, ca.crt; batch-upload-database when absent.
     */
    databaseSecretRef: {
      name: string;
    };
  };
}

/**
 * What the operator has seen. Never more than 32 KiB, whatever the file.
 */
export interface BatchUploadStatus {
  observedGeneration?: number;
  /**
   * Where the upload is, for people; programs read the conditions.
   */
  phase?: 'Pending' | 'Queued' | 'Planning' | 'Processing' | 'Complete' | 'Failed';
  /**
   * The most important thing to know now, for people.
   */
  message?: string;
  conditions?: {
    type: 'Accepted' | 'Planned' | 'Progressing' | 'Degraded' | 'Complete' | 'Failed';
    status: 'True' | 'False' | 'Unknown';
    observedGeneration?: number;
    lastTransitionTime: string;
    reason: string;
    message: string;
  }[];
  /**
   * What the planner found.
   */
  source?: {
    sizeBytes?: number;
    eTag?: string;
    versionId?: string;
    /**
     * SHA-256 over the SHA-256s of the object's 8 MiB blocks.
     */
    digest?: string;
    format?: string;
    compression?: string;
    encoding?: string;
    delimiter?: string;
  };
  plan?: {
    /**
     * Inline when the planning pod also processed the file, Job when an Indexed Job did.
     */
    execution?: 'Inline' | 'Job';
    records?: number;
    chunks?: number;
    indexes?: number;
  };
  /**
   * total = succeeded + failed + duplicate + pending; processed is the first three; updated is the part of succeeded that took the place of stored rows.
   */
  records?: {
    total?: number;
    processed?: number;
    succeeded?: number;
    failed?: number;
    duplicate?: number;
    updated?: number;
  };
  progress?: string;
  recordsPerSecond?: number;
  estimatedCompletionTime?: string;
  /**
   * The most frequent codes. Messages never contain a record's values.
   */
  topErrors?: {
    code: string;
    count: number;
    message?: string;
  }[];
  jobs?: {
    name: string;
    kind?: 'plan' | 'process';
    active?: number;
    succeeded?: number;
    failed?: number;
  }[];
  startTime?: string;
  completionTime?: string;
}
