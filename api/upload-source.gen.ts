/** Generated from crds/uploadsources.yaml (v1alpha1) by `make generate`; do not edit. */

/**
 * Where files arrive, which of them, and what is made of them. Can be changed at any time; uploads that were created stay as they are.
 */
export interface UploadSourceSpec {
  /**
   * Create nothing while true. Messages stay in their queue and files where they are; posted events are refused, and the first list afterwards finds their objects.
   */
  suspend: boolean;
  /**
   * The storage, or a service beside it, tells of every new object. Events get lost, so the prefix is listed too from time to time.
   */
  s3Event?: {
    sqs?: {
      /**
       * URL of the queue. A queue has one owner; of two sources on one queue the older gets the messages, the other one is not Ready, reason QueueTaken.
       */
      queueUrl: string;
      region?: string;
      /**
       * URL of an SQS-compatible server as the bridge reaches it.
       */
      endpoint?: string;
      /**
       * Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if needed, AWS_SESSION_TOKEN, AWS_REGION. Without it batch-upload-s3 where it exists, else the bridge's own AWS identity.
       */
      credentialsSecretRef?: {
        name: string;
      };
    };
    /**
     * Events are posted to the bridge at /v1/namespaces/<namespace>/uploadsources/<name>/events.
     */
    webhook?: {
      /**
       * Secret with token (the shared secret), hmacKey, or both; a request has to prove that its sender knows one of them.
       */
      secretRef: {
        name: string;
      };
    };
    /**
     * The prefix is listed as often, for objects whose event was lost.
     */
    relistSeconds: number;
  };
  /**
   * The prefix is listed from time to time, for storage that sends no events.
   */
  s3Poll?: {
    intervalSeconds: number;
  };
  /**
   * Files are fetched from a folder of an SSH server into the bucket. Files that are still being written, by their size or by their names (.part, .filepart, .partial, .tmp, .crdownload), and those that begin with a dot are left alone.
   */
  sftp?: {
    /**
     * Name or address of the server.
     */
    host: string;
    port: number;
    username: string;
    /**
     * The folder that is watched, without the folders in it. One that does not begin with a slash is under the folder in which a session begins.
     */
    directory: string;
    /**
     * Secret with knownHosts (the server's keys, as OpenSSH's known_hosts has them) and either password or privateKey with, if it has one, its passphrase.
     */
    secretRef: {
      name: string;
    };
    /**
     * The folder is listed as often.
     */
    intervalSeconds: number;
    /**
     * What becomes of the file on the server once it is in the bucket and its BatchUpload exists.
     */
    afterFetch: {
      /**
       * Move puts it into directory, Rename appends suffix, Delete removes it. Keep leaves it as it is: the ledger knows that it was fetched.
       */
      action: 'Move' | 'Rename' | 'Delete' | 'Keep';
      /**
       * For Move. One that does not begin with a slash is under the watched folder. Made when it is not there.
       */
      directory: string;
      /**
       * For Rename. Files whose names end in it are left alone.
       */
      suffix: string;
    };
    /**
     * Where fetched files are written: <uploadPrefix><namespace>/<source>/<name of the upload>/<file name>.
     */
    uploadPrefix: string;
  };
  /**
   * Where the objects are; for sftp, where fetched files are written. Also what spec.source.s3 of the BatchUploads says.
   */
  s3: {
    /**
     * The only bucket; an event of another one is ignored.
     */
    bucket: string;
    /**
     * What the keys begin with, as they are (not URL-encoded). Ends in a slash where a folder is meant.
     */
    prefix: string;
    /**
     * URL of an S3-compatible server as the bridge and pods reach it. Before the Secret's AWS_ENDPOINT_URL_S3.
     */
    endpoint?: string;
    region?: string;
    /**
     * Put the bucket into the path instead of the host name; on by default when an endpoint is set.
     */
    forcePathStyle?: boolean;
    /**
     * Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if needed, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL_S3. Without it batch-upload-s3 where it exists, else the AWS identity of the bridge, and of the pods.
     */
    credentialsSecretRef?: {
      name: string;
    };
  };
  /**
   * Which files are meant; the others are counted as ignored. All that is given must hold.
   */
  filter: {
    /**
     * The key ends in one of them, letter case included.
     */
    suffixes?: string[];
    /**
     * An RE2 expression that finds something in the key after s3.prefix; for sftp in the file's name.
     */
    pattern?: string;
    minBytes: number;
    maxBytes?: number;
  };
  /**
   * A file must not have changed for so long, for senders that write the same file several times. 0 when absent; for sftp 10.
   */
  settleSeconds?: number;
  /**
   * Which RecordSchema, in the same namespace. The first entry that fits; a file that none fits is ignored.
   */
  schemas: {
    /**
     * What the key after s3.prefix begins with; for sftp the file's name.
     */
    prefix?: string;
    /**
     * An RE2 expression that finds something in the key after s3.prefix; for sftp in the file's name.
     */
    pattern?: string;
    schemaRef: {
      name: string;
    };
  }[];
  /**
   * What the BatchUploads are made from.
   */
  template: {
    metadata?: {
      labels?: {
        [k: string]: string;
      };
      annotations?: {
        [k: string]: string;
      };
    };
    /**
     * As BatchUpload's spec, without source, schemaRef and retryGeneration.
     */
    spec: {
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
      target?: {
        /**
         * Secret with uri and, if needed, ca.crt; batch-upload-database when absent.
         */
        databaseSecretRef: {
          name: string;
        };
      };
    };
  };
  /**
   * What becomes of the object once its upload is Complete, for s3Event and s3Poll. Of an upload that failed it stays. A change holds for files that arrive from then on.
   */
  afterSuccess: {
    action: 'Keep' | 'Delete' | 'Move';
    /**
     * For Move, in the same bucket. Not under s3.prefix.
     */
    prefix?: string;
  };
}

/**
 * What the bridge has seen. Never more than 32 KiB, whatever arrives.
 */
export interface UploadSourceStatus {
  observedGeneration?: number;
  conditions?: {
    /**
     * Accepted: what the spec names is there and can be used. Ready: files that arrive are seen. Degraded: they are, but some are not handled, or not as soon as they should be.
     */
    type: 'Accepted' | 'Ready' | 'Degraded';
    status: 'True' | 'False' | 'Unknown';
    observedGeneration?: number;
    lastTransitionTime: string;
    reason: string;
    message: string;
  }[];
  /**
   * When the last event came.
   */
  lastEventTime?: string;
  /**
   * When the prefix or the folder was last listed to its end.
   */
  lastListTime?: string;
  /**
   * BatchUploads that were created, since the source was made. The same holds for the other counts.
   */
  created?: number;
  /**
   * Events, and objects that a list found new, that were handled before.
   */
  known?: number;
  /**
   * Files that are not meant, each time that they are told of.
   */
  ignored?: number;
  /**
   * Tries to handle a file or an event that failed; most are tried again.
   */
  failing?: number;
  lastCreated?: {
    name: string;
    key: string;
    time: string;
  };
  recentIgnored?: {
    /**
     * Key or file name, cut after 512 characters; of a message that could not be understood its id.
     */
    key: string;
    reason: string;
    message: string;
    time: string;
  }[];
  recentFailing?: {
    /**
     * Key or file name, cut after 512 characters; of a message that could not be understood its id.
     */
    key: string;
    reason: string;
    message: string;
    time: string;
  }[];
  /**
   * Age of the oldest file or message that is not handled yet; 0 when there is none.
   */
  lagSeconds?: number;
}
