/** Generated from crds/uploadsources.yaml (v1alpha1) by `make generate`; do not edit. */

/**
 * spec says where files arrive, which of them are loaded, and what the created BatchUploads look like. The spec can be changed at any time; uploads that were created stay as they are.
 */
export interface UploadSourceSpec {
  /**
   * suspend says whether the creation of uploads is stopped. While true, messages stay in their queue and files where they are; posted events are refused, and the first list afterwards finds their objects. The default is false.
   */
  suspend: boolean;
  /**
   * concurrencyPolicy says how the files of the source are loaded. Allow loads them as they arrive, at the same time where there are several. Serial loads one file after the other, in the order of their Last-Modified and, where that is equal, of their keys (with sftp: of the times of change and the names on the server): the next BatchUpload is created when the one before is Complete. A BatchUpload that has failed or was cancelled holds the files behind it until it is tried again and completes, or is deleted. A file that is older than one that was loaded is never loaded. The default is Allow.
   */
  concurrencyPolicy: 'Allow' | 'Serial';
  /**
   * skipFailed says, for Serial, whether the next file is loaded although the BatchUpload of the file before has failed or was cancelled. A failed BatchUpload that is tried again afterwards starts at once, beside the file that is being loaded, and its older rows may replace newer ones: set suspend to true and wait until the other BatchUploads of the source have ended before you try it again. The default is false.
   */
  skipFailed: boolean;
  /**
   * maxActiveUploads is the greatest number of BatchUploads of the source that have not ended. Further files wait, and the oldest is next. A failed BatchUpload that is tried again starts at once, also beyond this number. When absent, the number is not limited; with Serial it is 1.
   */
  maxActiveUploads?: number;
  /**
   * successfulUploadsHistoryLimit is the number of BatchUploads of the source that are kept after they were Complete; the ones that ended first are deleted. The ledger keeps what was loaded, and no file is loaded again. When absent, all are kept.
   */
  successfulUploadsHistoryLimit?: number;
  /**
   * failedUploadsHistoryLimit is the number of BatchUploads of the source that are kept after they failed or were cancelled; the ones that ended first are deleted. A BatchUpload that holds the files behind it is never deleted. When absent, all are kept.
   */
  failedUploadsHistoryLimit?: number;
  /**
   * s3Event makes the source wait for events by which the storage, or a service beside the storage, announces every new object. Events get lost, so the prefix is listed from time to time, too.
   */
  s3Event?: {
    /**
     * sqs names the SQS queue that the events come from.
     */
    sqs?: {
      /**
       * queueUrl is the URL of the queue. A queue serves one source: of two sources with the same queue the older one gets the messages, and the other one is not Ready, with reason QueueTaken.
       */
      queueUrl: string;
      /**
       * region is the AWS region of the queue. When absent, the region comes from the Secret's AWS_REGION, the queue's URL or the bridge's own AWS_REGION, in this order, and is us-east-1 otherwise.
       */
      region?: string;
      /**
       * endpoint is the URL of an SQS-compatible server as the bridge reaches the server. When absent, the server of queueUrl is used.
       */
      endpoint?: string;
      /**
       * credentialsSecretRef names a Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and, if needed, AWS_SESSION_TOKEN and AWS_REGION. When absent, the Secret batch-upload-s3 is used where it exists, and otherwise the bridge's own AWS identity. A Secret other than batch-upload-s3 must be in the chart's value bridge.secretNames.
       */
      credentialsSecretRef?: {
        /**
         * name is the name of the Secret, in the same namespace.
         */
        name: string;
      };
    };
    /**
     * webhook makes the bridge accept events that are posted to its path /v1/namespaces/<namespace>/uploadsources/<name>/events.
     */
    webhook?: {
      /**
       * secretRef names a Secret with the key token (a shared secret), the key hmacKey (for signed requests), or both. A request must prove that its sender knows one of the two. The Secret must be in the chart's value bridge.secretNames.
       */
      secretRef: {
        /**
         * name is the name of the Secret, in the same namespace.
         */
        name: string;
      };
    };
    /**
     * relistSeconds is the number of seconds between two lists of the prefix, which find the objects whose event was lost. The default is 600.
     */
    relistSeconds: number;
  };
  /**
   * s3Poll makes the source list the prefix from time to time, for storage that sends no events.
   */
  s3Poll?: {
    /**
     * intervalSeconds is the number of seconds between two lists of the prefix. The default is 60.
     */
    intervalSeconds: number;
  };
  /**
   * sftp makes the bridge fetch files from a folder of an SFTP server into the bucket. The bridge leaves alone files that are still being written, by their size or by their names (.part, .filepart, .partial, .tmp, .crdownload), and files whose names begin with a dot.
   */
  sftp?: {
    /**
     * host is the name or the address of the server.
     */
    host: string;
    /**
     * port is the TCP port of the server. The default is 22.
     */
    port: number;
    /**
     * username is the name of the user that the bridge logs in as.
     */
    username: string;
    /**
     * directory is the folder that is watched, without the folders in it. A path that does not begin with a slash is relative to the folder in which a session begins. The default is ".".
     */
    directory: string;
    /**
     * secretRef names a Secret with the key knownHosts (the server's keys, as in OpenSSH's known_hosts) and either password or privateKey, with passphrase if the private key has one. The Secret must be in the chart's value bridge.secretNames.
     */
    secretRef: {
      /**
       * name is the name of the Secret, in the same namespace.
       */
      name: string;
    };
    /**
     * intervalSeconds is the number of seconds between two lists of the folder. The default is 60.
     */
    intervalSeconds: number;
    /**
     * afterFetch says what becomes of a file on the server once the file is in the bucket and its BatchUpload exists.
     */
    afterFetch: {
      /**
       * action is what is done with the file. Move puts the file into directory, Rename appends suffix to its name, Delete removes the file, and Keep leaves the file as it is; the ledger knows that the file was fetched. The default is Move.
       */
      action: 'Move' | 'Rename' | 'Delete' | 'Keep';
      /**
       * directory is the folder that Move puts files into. A path that does not begin with a slash is relative to the watched folder. The folder is created if it is absent. The default is processed.
       */
      directory: string;
      /**
       * suffix is the text that Rename appends to the name of a file. With Rename, files whose names end in the suffix are left alone. The default is .done.
       */
      suffix: string;
    };
    /**
     * uploadPrefix is the beginning of the keys of fetched files, which are <uploadPrefix><namespace>/<source>/<name of the upload>/<file name>. The default is raw-uploads/.
     */
    uploadPrefix: string;
  };
  /**
   * s3 names the bucket in which objects arrive or, with sftp, into which fetched files are written. The created BatchUploads get the same bucket and the same access to it in their spec.source.s3.
   */
  s3: {
    /**
     * bucket is the name of the bucket. An event about another bucket is ignored.
     */
    bucket: string;
    /**
     * prefix is what the keys of objects must begin with, not URL-encoded. End the prefix with a slash where a folder is meant. The default is an empty prefix, which means the whole bucket.
     */
    prefix: string;
    /**
     * endpoint is the URL of an S3-compatible server as the bridge and the pods reach the server. The field takes precedence over the Secret's AWS_ENDPOINT_URL_S3; when both are absent, the storage is AWS.
     */
    endpoint?: string;
    /**
     * region is the AWS region of the bucket. The field takes precedence over the Secret's AWS_REGION; when both are absent, the region is us-east-1.
     */
    region?: string;
    /**
     * forcePathStyle says whether the bucket is put into the path of a URL instead of the host name. When absent, the value is true if an endpoint is set, here or in the Secret, and false for AWS.
     */
    forcePathStyle?: boolean;
    /**
     * credentialsSecretRef names a Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and, if needed, AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL_S3. When absent, the Secret batch-upload-s3 is used where it exists, and otherwise the AWS identity of the bridge and that of the pods. A Secret other than batch-upload-s3 must be in the chart's value uploads.s3.extraSecretNames.
     */
    credentialsSecretRef?: {
      /**
       * name is the name of the Secret, in the same namespace.
       */
      name: string;
    };
  };
  /**
   * filter says which files are loaded; the others are counted as ignored. A file must meet every condition that is given.
   */
  filter: {
    /**
     * suffixes lists the endings of which the key must have one; letter case matters. When absent, every ending is allowed.
     */
    suffixes?: string[];
    /**
     * pattern is an RE2 expression that must match somewhere in the part of the key after s3.prefix or, with sftp, in the name of the file. When absent, every key is allowed.
     */
    pattern?: string;
    /**
     * minBytes is the least size of a file in bytes. Empty files are ignored unless the number is 0. The default is 1.
     */
    minBytes: number;
    /**
     * maxBytes is the greatest size of a file in bytes. When absent, the size is not limited.
     */
    maxBytes?: number;
  };
  /**
   * settleSeconds is the number of seconds for which a file must not have changed before it is loaded, for senders that write the same file several times. When absent, the number is 0 or, with sftp or concurrencyPolicy Serial, 10.
   */
  settleSeconds?: number;
  /**
   * schemas says which RecordSchema is used for which files. The first entry that fits a file decides; a file that no entry fits is ignored.
   */
  schemas: {
    /**
     * prefix is what the part of the key after s3.prefix or, with sftp, the name of the file must begin with. An entry with neither prefix nor pattern fits every file.
     */
    prefix?: string;
    /**
     * pattern is an RE2 expression that must match somewhere in the part of the key after s3.prefix or, with sftp, in the name of the file. An entry with neither prefix nor pattern fits every file.
     */
    pattern?: string;
    /**
     * schemaRef names the RecordSchema of the files that the entry fits.
     */
    schemaRef: {
      /**
       * name is the name of the RecordSchema, in the same namespace.
       */
      name: string;
    };
  }[];
  /**
   * template describes the BatchUploads that the source creates.
   */
  template: {
    /**
     * metadata holds the labels and annotations of the created BatchUploads.
     */
    metadata?: {
      /**
       * labels are put on every created BatchUpload. Keys that begin with batchupload.dev/ are reserved for the operator.
       */
      labels?: {
        /**
         * The value is the value of the label that the key names.
         */
        [k: string]: string;
      };
      /**
       * annotations are put on every created BatchUpload. Keys that begin with batchupload.dev/ are reserved for the operator.
       */
      annotations?: {
        /**
         * The value is the value of the annotation that the key names.
         */
        [k: string]: string;
      };
    };
    /**
     * spec is the spec of the created BatchUploads. source and schemaRef are left out because the bridge sets them, and suspend, cancel and retryGeneration because they are for a single upload.
     */
    spec: {
      /**
       * format declares what kind of file the object is. What is not declared is detected; a declaration that the file contradicts fails the upload with reason FormatMismatch.
       */
      format?: {
        /**
         * type is the type of the file: csv, ndjson (one JSON object on each line) or xlsx (a workbook, of which the first sheet that is not hidden is loaded). When absent, the type is detected.
         */
        type?: 'csv' | 'ndjson' | 'xlsx';
        /**
         * compression says how the file is packed: none, gzip, zip (an archive with exactly one file) or zstd. When absent, the compression is detected.
         */
        compression?: 'none' | 'gzip' | 'zip' | 'zstd';
        /**
         * encoding is the character encoding of the text, by its name in the Encoding Standard, or the code page of DOS. When absent, the text is UTF-8, UTF-16 with a byte order mark, or Windows-1252 where the whole file reads as a language of Western Europe; every other encoding must be declared.
         */
        encoding?:
          | 'utf-8'
          | 'utf-16le'
          | 'utf-16be'
          | 'windows-1250'
          | 'windows-1251'
          | 'windows-1252'
          | 'windows-1253'
          | 'windows-1254'
          | 'windows-1255'
          | 'windows-1256'
          | 'windows-1257'
          | 'windows-1258'
          | 'windows-874'
          | 'iso-8859-2'
          | 'iso-8859-3'
          | 'iso-8859-4'
          | 'iso-8859-5'
          | 'iso-8859-6'
          | 'iso-8859-7'
          | 'iso-8859-8'
          | 'iso-8859-8-i'
          | 'iso-8859-10'
          | 'iso-8859-13'
          | 'iso-8859-14'
          | 'iso-8859-15'
          | 'iso-8859-16'
          | 'koi8-r'
          | 'koi8-u'
          | 'macintosh'
          | 'x-mac-cyrillic'
          | 'ibm866'
          | 'gbk'
          | 'gb18030'
          | 'big5'
          | 'euc-jp'
          | 'iso-2022-jp'
          | 'shift_jis'
          | 'euc-kr'
          | 'iso-8859-1'
          | 'iso-8859-9'
          | 'cp437'
          | 'cp720'
          | 'cp737'
          | 'cp775'
          | 'cp850'
          | 'cp852'
          | 'cp855'
          | 'cp857'
          | 'cp858'
          | 'cp860'
          | 'cp861'
          | 'cp862'
          | 'cp863'
          | 'cp864'
          | 'cp865'
          | 'cp866'
          | 'cp869';
        /**
         * dialect says how a CSV file is written, in the words of the Frictionless Table Dialect. Every character that the dialect names must be an ASCII character.
         */
        dialect?: {
          /**
           * delimiter is the character between two fields. When absent, the delimiter is detected: comma, semicolon, tab or pipe.
           */
          delimiter?: string;
          /**
           * quoteChar is the character around a quoted field. When absent, a double quote is used; an empty text declares a file without quoting.
           */
          quoteChar?: string;
          /**
           * doubleQuote says whether a quote inside a quoted field is written twice. When absent, the value is true.
           */
          doubleQuote?: boolean;
          /**
           * escapeChar is the character after which the next character stands for itself, inside quotes and outside. When absent, no character has this effect.
           */
          escapeChar?: string;
          /**
           * commentChar is the first character of a comment line, which is not a record but counts as a row. When absent, the file has no comment lines.
           */
          commentChar?: string;
          /**
           * skipInitialSpace says whether spaces before a field are left out. When absent, the value is false, and the spaces belong to the field.
           */
          skipInitialSpace?: boolean;
        };
        /**
         * columns says which field a column of the file is where the column's name does not say it, as a header of the sender's own. What is said here wins over names and aliases. A column that is not listed is found by its name. For NDJSON the columns are the keys of the objects.
         */
        columns?: {
          /**
           * name is the column's name as the file's header has it.
           */
          name: string;
          /**
           * field is the name of the schema's field that the column is.
           */
          field?: string;
          /**
           * ignore says that nothing is loaded from the column.
           */
          ignore?: true;
        }[];
      };
      /**
       * work says where the upload keeps its copy of a file that is not plain UTF-8 CSV; the copy is plain UTF-8 CSV. When absent, the copy goes into the bucket of the source. The copy is removed when the upload ends.
       */
      work?: {
        /**
         * s3 names the bucket for the copy. The bucket is reached by the endpoint and the credentials of the source.
         */
        s3: {
          /**
           * bucket is the name of the bucket in which the copy is written, under work/<uid of the BatchUpload>/.
           */
          bucket: string;
        };
      };
      /**
       * mode says what is done with the records. Commit loads the records. Validate checks them as Commit does, also in the database, and counts what would be inserted or updated (succeeded, updated) and what is refused, but writes nothing except the ledger and a table that the schema says to create. Validate does not find a record that another unique index, an exclusion constraint or a trigger would refuse because of another chunk of the same file. The default is Commit.
       */
      mode: 'Commit' | 'Validate';
      /**
       * reload says whether the object is loaded even if the same content was loaded with the same schema from this namespace before. When false, an upload of such content is Complete at once with reason AlreadyLoaded and has no records of its own; while another upload loads the same content, this one is Queued and goes on only if the other one fails. Without primaryKey in the schema, true puts every record into the table once more. The default is false.
       */
      reload: boolean;
      /**
       * chunkRecords is the greatest number of records in a chunk, which is the part of a file that is committed and audited as a whole. A chunk also ends at 8 MiB. The default is 1000.
       */
      chunkRecords: number;
      /**
       * parallelism is the number of sessions of the database that load the file at the same time. A pod has up to 4 of them, and every pod of an upload has equally many, so that some numbers are rounded down (5 to 4, 7 to 6). The pod that planned the file goes on to load it, unless the file is worth several pods: then a Job has them (status.plan.execution). The number can be changed while the upload runs. The Job then runs more or fewer pods, also where one pod loads the file and also more than the plan has indexes (status.plan.indexes), as far as the file is worth them. A pod that runs keeps its sessions; for a number below them the Job is made again with a smaller pod. The default is 4.
       */
      parallelism: number;
      /**
       * activeDeadlineSeconds is the time, in seconds, for which pods may work on an attempt of the upload. Only time counts in which a pod of the upload runs, and not the time for which the upload waits or is suspended. After that time the upload ends as Failed with reason DeadlineExceeded, and what was loaded until then stays. A retry has the whole time again. When absent, the time is not limited.
       */
      activeDeadlineSeconds?: number;
      /**
       * ttlSecondsAfterFinished is the time, in seconds, after which this BatchUpload is deleted once it has ended. The ledger keeps its counts and its failed records. When absent, the BatchUpload stays.
       */
      ttlSecondsAfterFinished?: number;
      /**
       * ttlSecondsAfterFailed takes the place of ttlSecondsAfterFinished for an upload that has failed, so that somebody has the time to look at it. A cancelled upload has not failed in this sense.
       */
      ttlSecondsAfterFailed?: number;
      /**
       * errorPolicy says how many failed records are too many, and what is kept of failed records. Duplicates are not failed records unless the schema says onDuplicate: Fail. The limits can be changed while the upload runs.
       */
      errorPolicy?: {
        /**
         * maxFailedRecords is the greatest number of failed records that is tolerated. When more records have failed, the upload ends as Failed with reason TooManyFailedRecords, and what was loaded until then stays. When absent, the number is not limited.
         */
        maxFailedRecords?: number;
        /**
         * maxFailedPercent is the greatest share of failed records that is tolerated, in percent of all records of the file, so that a bad beginning does not stop a big file. A greater share ends the upload as maxFailedRecords does. When absent, the share is not limited.
         */
        maxFailedPercent?: number;
        /**
         * storeRowData says whether the ledger keeps the text of failed records, with sensitive fields masked. When false, only the row number, the place in the file, the code and the message are kept. The default is true.
         */
        storeRowData: boolean;
      };
      /**
       * queueName is the name of a LocalQueue of Kueue in the same namespace. Kueue then decides when the Jobs of the upload get pods, and with how many pods they begin; until then the phase is Queued. A change of this field, of parallelism or of podTemplate counts for a Job that waits in a queue and for every later one, and a Job that has pods keeps what Kueue gave it. When absent, the Jobs ask for no queue; where the namespace has a LocalQueue named default, Kueue puts every Job into that queue.
       */
      queueName?: string;
      /**
       * podTemplate says what the pods of the upload have besides what the operator gives them. What is left out comes from the chart's value runner.podTemplate. A change counts for the next Job that is made: for a retry, for an upload that is resumed, and in place of a Job whose pods cannot start or fail, or that waits in a queue of Kueue.
       */
      podTemplate?: {
        /**
         * metadata holds labels and annotations of the pods, which are added to those of the chart. Where both have a key, the value here counts.
         */
        metadata?: {
          /**
           * labels are put on every pod. Keys that begin with batchupload.dev/ are reserved for the operator, and every other label that the operator sets itself, such as app.kubernetes.io/managed-by, keeps the operator's value.
           */
          labels?: {
            /**
             * The value is the value of the label that the key names.
             */
            [k: string]: string;
          };
          /**
           * annotations are put on every pod. Keys that begin with batchupload.dev/ are reserved for the operator.
           */
          annotations?: {
            /**
             * The value is the value of the annotation that the key names.
             */
            [k: string]: string;
          };
        };
        /**
         * spec says where the pods run, with which resources and under which account. The names and meanings of the fields are those of a pod's spec.
         */
        spec?: {
          /**
           * resources are what a pod requests and what it may use. They take the place of the chart's value runner.resources as a whole, so that a pod without a memory limit here has none. Node's heap gets 60 % of the memory limit.
           */
          resources?: {
            /**
             * requests are the resources that a node must have left for a pod.
             */
            requests?: {
              /**
               * The value is an amount of the resource that the key names, such as 500m or 2Gi.
               */
              [k: string]: number | string;
            };
            /**
             * limits are the resources that a pod may use at most.
             */
            limits?: {
              /**
               * The value is an amount of the resource that the key names, such as 500m or 2Gi.
               */
              [k: string]: number | string;
            };
          };
          /**
           * nodeSelector lists labels that a node must have. They are added to those of the chart. Where both have a key, the value here counts.
           */
          nodeSelector?: {
            /**
             * The value is the value of the label that the key names.
             */
            [k: string]: string;
          };
          /**
           * tolerations list taints of nodes that the pods tolerate. They are added to those of the chart.
           */
          tolerations?: {
            /**
             * key is the key of the taint. When absent, every key is meant, and the operator must be Exists.
             */
            key?: string;
            /**
             * operator says how the taint is compared. Exists means any value, and Equal means the same value. When absent, the operator is Equal.
             */
            operator?: 'Exists' | 'Equal';
            /**
             * value is the value of the taint, for the operator Equal.
             */
            value?: string;
            /**
             * effect is the effect of the taint. When absent, every effect is meant.
             */
            effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
            /**
             * tolerationSeconds is the time, in seconds, for which a taint of the effect NoExecute is tolerated. When absent, the taint is tolerated for ever.
             */
            tolerationSeconds?: number;
          }[];
          /**
           * affinity says which nodes, and which pods beside them, the pods need, prefer or avoid. It takes the place of the chart's affinity.
           */
          affinity?: {
            /**
             * nodeAffinity says which nodes the pods need or prefer.
             */
            nodeAffinity?: {
              /**
               * requiredDuringSchedulingIgnoredDuringExecution says which nodes may run a pod.
               */
              requiredDuringSchedulingIgnoredDuringExecution?: {
                /**
                 * nodeSelectorTerms lists terms of which a node must meet at least one.
                 */
                nodeSelectorTerms: {
                  /**
                   * matchExpressions lists what must hold of the labels of a node, all of it.
                   */
                  matchExpressions?: {
                    /**
                     * key is the name of a label or of a field of a node.
                     */
                    key: string;
                    /**
                     * operator says how the label is compared with the values. Gt and Lt compare whole numbers.
                     */
                    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
                    /**
                     * values are what the label is compared with. Exists and DoesNotExist take none, Gt and Lt take one.
                     */
                    values?: string[];
                  }[];
                  /**
                   * matchFields lists what must hold of the fields of a node, all of it. Kubernetes knows the field metadata.name.
                   */
                  matchFields?: {
                    /**
                     * key is the name of a label or of a field of a node.
                     */
                    key: string;
                    /**
                     * operator says how the label is compared with the values. Gt and Lt compare whole numbers.
                     */
                    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
                    /**
                     * values are what the label is compared with. Exists and DoesNotExist take none, Gt and Lt take one.
                     */
                    values?: string[];
                  }[];
                }[];
              };
              /**
               * preferredDuringSchedulingIgnoredDuringExecution lists which nodes are preferred, and how much.
               */
              preferredDuringSchedulingIgnoredDuringExecution?: {
                /**
                 * weight is what a node gains that meets the term, from 1 to 100.
                 */
                weight: number;
                /**
                 * preference is the term that a node should meet.
                 */
                preference: {
                  /**
                   * matchExpressions lists what must hold of the labels of a node, all of it.
                   */
                  matchExpressions?: {
                    /**
                     * key is the name of a label or of a field of a node.
                     */
                    key: string;
                    /**
                     * operator says how the label is compared with the values. Gt and Lt compare whole numbers.
                     */
                    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
                    /**
                     * values are what the label is compared with. Exists and DoesNotExist take none, Gt and Lt take one.
                     */
                    values?: string[];
                  }[];
                  /**
                   * matchFields lists what must hold of the fields of a node, all of it. Kubernetes knows the field metadata.name.
                   */
                  matchFields?: {
                    /**
                     * key is the name of a label or of a field of a node.
                     */
                    key: string;
                    /**
                     * operator says how the label is compared with the values. Gt and Lt compare whole numbers.
                     */
                    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
                    /**
                     * values are what the label is compared with. Exists and DoesNotExist take none, Gt and Lt take one.
                     */
                    values?: string[];
                  }[];
                };
              }[];
            };
            /**
             * podAffinity says near which pods of the same namespace the pods must or should run.
             */
            podAffinity?: {
              /**
               * requiredDuringSchedulingIgnoredDuringExecution lists terms that a node must meet, all of them.
               */
              requiredDuringSchedulingIgnoredDuringExecution?: {
                /**
                 * labelSelector selects the pods that are meant by their labels.
                 */
                labelSelector?: {
                  /**
                   * matchLabels lists labels that a pod must have.
                   */
                  matchLabels?: {
                    /**
                     * The value is the value of the label that the key names.
                     */
                    [k: string]: string;
                  };
                  /**
                   * matchExpressions lists what must hold of the labels of a pod, all of it.
                   */
                  matchExpressions?: {
                    /**
                     * key is the name of a label of a pod.
                     */
                    key: string;
                    /**
                     * operator says how the label is compared with the values.
                     */
                    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                    /**
                     * values are what the label is compared with. Exists and DoesNotExist take none.
                     */
                    values?: string[];
                  }[];
                };
                /**
                 * topologyKey is the label of nodes that says which nodes belong together, such as kubernetes.io/hostname.
                 */
                topologyKey: string;
                /**
                 * matchLabelKeys lists labels of which the pods that are meant must have the same value as the pod itself. batchupload.dev/uid means the pods of the same upload.
                 */
                matchLabelKeys?: string[];
                /**
                 * mismatchLabelKeys lists labels of which the pods that are meant must have another value than the pod itself.
                 */
                mismatchLabelKeys?: string[];
              }[];
              /**
               * preferredDuringSchedulingIgnoredDuringExecution lists terms that a node should meet, and how much.
               */
              preferredDuringSchedulingIgnoredDuringExecution?: {
                /**
                 * weight is what a node gains that meets the term, from 1 to 100.
                 */
                weight: number;
                /**
                 * podAffinityTerm is the term that a node should meet.
                 */
                podAffinityTerm: {
                  /**
                   * labelSelector selects the pods that are meant by their labels.
                   */
                  labelSelector?: {
                    /**
                     * matchLabels lists labels that a pod must have.
                     */
                    matchLabels?: {
                      /**
                       * The value is the value of the label that the key names.
                       */
                      [k: string]: string;
                    };
                    /**
                     * matchExpressions lists what must hold of the labels of a pod, all of it.
                     */
                    matchExpressions?: {
                      /**
                       * key is the name of a label of a pod.
                       */
                      key: string;
                      /**
                       * operator says how the label is compared with the values.
                       */
                      operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                      /**
                       * values are what the label is compared with. Exists and DoesNotExist take none.
                       */
                      values?: string[];
                    }[];
                  };
                  /**
                   * topologyKey is the label of nodes that says which nodes belong together, such as kubernetes.io/hostname.
                   */
                  topologyKey: string;
                  /**
                   * matchLabelKeys lists labels of which the pods that are meant must have the same value as the pod itself. batchupload.dev/uid means the pods of the same upload.
                   */
                  matchLabelKeys?: string[];
                  /**
                   * mismatchLabelKeys lists labels of which the pods that are meant must have another value than the pod itself.
                   */
                  mismatchLabelKeys?: string[];
                };
              }[];
            };
            /**
             * podAntiAffinity says near which pods of the same namespace the pods must not or should not run.
             */
            podAntiAffinity?: {
              /**
               * requiredDuringSchedulingIgnoredDuringExecution lists terms that a node must meet, all of them.
               */
              requiredDuringSchedulingIgnoredDuringExecution?: {
                /**
                 * labelSelector selects the pods that are meant by their labels.
                 */
                labelSelector?: {
                  /**
                   * matchLabels lists labels that a pod must have.
                   */
                  matchLabels?: {
                    /**
                     * The value is the value of the label that the key names.
                     */
                    [k: string]: string;
                  };
                  /**
                   * matchExpressions lists what must hold of the labels of a pod, all of it.
                   */
                  matchExpressions?: {
                    /**
                     * key is the name of a label of a pod.
                     */
                    key: string;
                    /**
                     * operator says how the label is compared with the values.
                     */
                    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                    /**
                     * values are what the label is compared with. Exists and DoesNotExist take none.
                     */
                    values?: string[];
                  }[];
                };
                /**
                 * topologyKey is the label of nodes that says which nodes belong together, such as kubernetes.io/hostname.
                 */
                topologyKey: string;
                /**
                 * matchLabelKeys lists labels of which the pods that are meant must have the same value as the pod itself. batchupload.dev/uid means the pods of the same upload.
                 */
                matchLabelKeys?: string[];
                /**
                 * mismatchLabelKeys lists labels of which the pods that are meant must have another value than the pod itself.
                 */
                mismatchLabelKeys?: string[];
              }[];
              /**
               * preferredDuringSchedulingIgnoredDuringExecution lists terms that a node should meet, and how much.
               */
              preferredDuringSchedulingIgnoredDuringExecution?: {
                /**
                 * weight is what a node gains that meets the term, from 1 to 100.
                 */
                weight: number;
                /**
                 * podAffinityTerm is the term that a node should meet.
                 */
                podAffinityTerm: {
                  /**
                   * labelSelector selects the pods that are meant by their labels.
                   */
                  labelSelector?: {
                    /**
                     * matchLabels lists labels that a pod must have.
                     */
                    matchLabels?: {
                      /**
                       * The value is the value of the label that the key names.
                       */
                      [k: string]: string;
                    };
                    /**
                     * matchExpressions lists what must hold of the labels of a pod, all of it.
                     */
                    matchExpressions?: {
                      /**
                       * key is the name of a label of a pod.
                       */
                      key: string;
                      /**
                       * operator says how the label is compared with the values.
                       */
                      operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                      /**
                       * values are what the label is compared with. Exists and DoesNotExist take none.
                       */
                      values?: string[];
                    }[];
                  };
                  /**
                   * topologyKey is the label of nodes that says which nodes belong together, such as kubernetes.io/hostname.
                   */
                  topologyKey: string;
                  /**
                   * matchLabelKeys lists labels of which the pods that are meant must have the same value as the pod itself. batchupload.dev/uid means the pods of the same upload.
                   */
                  matchLabelKeys?: string[];
                  /**
                   * mismatchLabelKeys lists labels of which the pods that are meant must have another value than the pod itself.
                   */
                  mismatchLabelKeys?: string[];
                };
              }[];
            };
          };
          /**
           * topologySpreadConstraints say how evenly pods spread over nodes or zones. They take the place of the chart's.
           */
          topologySpreadConstraints?: {
            /**
             * maxSkew is how many more of the selected pods one part of the topology may have than another.
             */
            maxSkew: number;
            /**
             * topologyKey is the label of nodes that says which nodes belong together, such as kubernetes.io/hostname.
             */
            topologyKey: string;
            /**
             * whenUnsatisfiable says whether a pod that would break the constraint waits (DoNotSchedule) or runs nevertheless (ScheduleAnyway).
             */
            whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway';
            /**
             * labelSelector selects the pods that are meant by their labels.
             */
            labelSelector?: {
              /**
               * matchLabels lists labels that a pod must have.
               */
              matchLabels?: {
                /**
                 * The value is the value of the label that the key names.
                 */
                [k: string]: string;
              };
              /**
               * matchExpressions lists what must hold of the labels of a pod, all of it.
               */
              matchExpressions?: {
                /**
                 * key is the name of a label of a pod.
                 */
                key: string;
                /**
                 * operator says how the label is compared with the values.
                 */
                operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
                /**
                 * values are what the label is compared with. Exists and DoesNotExist take none.
                 */
                values?: string[];
              }[];
            };
            /**
             * matchLabelKeys lists labels of which the pods that are meant must have the same value as the pod itself. batchupload.dev/uid means the pods of the same upload.
             */
            matchLabelKeys?: string[];
            /**
             * minDomains is the least number of parts of the topology that are counted, for DoNotSchedule.
             */
            minDomains?: number;
            /**
             * nodeAffinityPolicy says whether only nodes count that nodeSelector and nodeAffinity allow (Honor), or all nodes (Ignore). When absent, the policy is Honor.
             */
            nodeAffinityPolicy?: 'Honor' | 'Ignore';
            /**
             * nodeTaintsPolicy says whether nodes with taints that the pods do not tolerate are left out (Honor), or all nodes count (Ignore). When absent, the policy is Ignore.
             */
            nodeTaintsPolicy?: 'Honor' | 'Ignore';
          }[];
          /**
           * priorityClassName is the name of the PriorityClass of the pods. The classes of Kubernetes itself, whose names begin with system-, are not allowed.
           */
          priorityClassName?: string;
          /**
           * serviceAccountName is the name of the service account of the pods, in the same namespace. A service account other than batch-upload-runner must be in the chart's value uploads.serviceAccountNames. The pods get no token for the Kubernetes API.
           */
          serviceAccountName?: string;
          /**
           * runtimeClassName is the name of the RuntimeClass of the pods.
           */
          runtimeClassName?: string;
        };
      };
      /**
       * target says which database the records are loaded into, and how the load spares that database.
       */
      target?: {
        /**
         * databaseSecretRef names a Secret with the key uri (a PostgreSQL connection URI) and, if the server's certificate needs it, the key ca.crt (a certificate authority in PEM). A Secret other than batch-upload-database must be in the chart's value uploads.database.extraSecretNames. When absent, the Secret batch-upload-database is used.
         */
        databaseSecretRef?: {
          /**
           * name is the name of the Secret, in the same namespace.
           */
          name: string;
        };
        /**
         * protect limits what the load may do to the database and its replicas. The pods wait between their groups of chunks while a limit is exceeded, and status.pace says so. When absent, the pods load as fast as they can. A change makes the Job of the upload again, with pods that have the new limits; chunks that are committed stay.
         */
        protect?: {
          /**
           * maxReplicaLagSeconds is the time, in seconds, by which a replica may be behind the database. While a replica is further behind, no further group of chunks is loaded. Replicas count that are connected to the server of the database, in pg_stat_replication; the role of the Secret needs pg_monitor to see how far they are behind. When absent, the lag is not limited.
           */
          maxReplicaLagSeconds?: number;
          /**
           * maxWalBytesPerSecond is the number of bytes of WAL that the server may write in a second on average, while the upload is loaded. The WAL of the whole server counts, also that of other sessions; only the upload slows down. When absent, the WAL is not limited.
           */
          maxWalBytesPerSecond?: number;
        };
      };
    };
  };
  /**
   * afterSuccess says, for s3Event and s3Poll, what becomes of an object once its BatchUpload is Complete. The object of an upload that failed stays. A change applies to files that arrive afterwards.
   */
  afterSuccess: {
    /**
     * action is what is done with the object: Keep leaves the object where it is, Delete removes the object, and Move puts the object under prefix. Delete and Move wait until every other upload of the same object is Complete, too. The default is Keep.
     */
    action: 'Keep' | 'Delete' | 'Move';
    /**
     * prefix is what the new key begins with, in the same bucket; the part of the old key after s3.prefix follows. The prefix is required for Move and must not be under s3.prefix.
     */
    prefix?: string;
  };
}

/**
 * status is what the bridge has observed of the source. The status never exceeds 32 KiB, whatever arrives.
 */
export interface UploadSourceStatus {
  /**
   * observedGeneration is the generation of the spec that the status describes.
   */
  observedGeneration?: number;
  /**
   * conditions describe the state of the source for programs. Every type of condition occurs at most once.
   */
  conditions?: {
    /**
     * type is what the condition is about. Accepted: what the spec names is there and can be used. Ready: files that arrive are seen. Degraded: files are seen, but some are not handled, or not as soon as they should be. Waiting, for concurrencyPolicy Serial and maxActiveUploads: files wait for BatchUploads that were created before.
     */
    type: 'Accepted' | 'Ready' | 'Degraded' | 'Waiting';
    /**
     * status says whether the condition holds: True, False, or Unknown when the bridge cannot tell.
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
  /**
   * queue is the queue from which the source has received, as a URL. While the source exists and names it, the queue belongs to the source and to no other one.
   */
  queue?: string;
  /**
   * lastEventTime is the time at which the last event came.
   */
  lastEventTime?: string;
  /**
   * lastListTime is the time at which the prefix or the folder was last listed to its end. The field may be five minutes behind where nothing else changes.
   */
  lastListTime?: string;
  /**
   * active is the number of BatchUploads of the source that have not ended. The field is there for concurrencyPolicy Serial and maxActiveUploads, while the source is not suspended or refused.
   */
  active?: number;
  /**
   * waiting is the number of files that wait for BatchUploads that were created before; the condition Waiting says for which. The field is there for concurrencyPolicy Serial and maxActiveUploads.
   */
  waiting?: number;
  /**
   * heldBy is the name of the BatchUpload that has failed and holds the files behind it, as the condition Degraded says. It is absent while the source is suspended or refused.
   */
  heldBy?: string;
  /**
   * created is the number of BatchUploads that were created since the source was made. The other counts begin at the same time.
   */
  created?: number;
  /**
   * known is the number of events, and of objects that a list found new, that were handled before.
   */
  known?: number;
  /**
   * ignored is the number of files and events that were ignored on purpose. A file counts each time that an event or a list announces the file.
   */
  ignored?: number;
  /**
   * failing is the number of tries to handle a file or an event that failed. Most of them are tried again.
   */
  failing?: number;
  /**
   * lastCreated describes the BatchUpload that was created last.
   */
  lastCreated?: {
    /**
     * name is the name of the BatchUpload, in the same namespace.
     */
    name: string;
    /**
     * key is the key of the object that the BatchUpload loads.
     */
    key: string;
    /**
     * time is the time at which the BatchUpload was created.
     */
    time: string;
  };
  /**
   * recentIgnored lists the last files and events that were ignored, the latest first. Correct filter or schemas if one of them should be loaded.
   */
  recentIgnored?: {
    /**
     * key is the key of the object or the name of the file, cut after 512 bytes. For a message that could not be understood, key is the id of the message.
     */
    key: string;
    /**
     * reason is a CamelCase word that tells programs why the file or event was ignored.
     */
    reason: string;
    /**
     * message tells people why the file or event was ignored.
     */
    message: string;
    /**
     * time is the time at which the file or event was last ignored.
     */
    time: string;
  }[];
  /**
   * recentFailing lists the last files and events that could not be handled, the latest first. A file stays in the list after a later try succeeded.
   */
  recentFailing?: {
    /**
     * key is the key of the object or the name of the file, cut after 512 bytes. For a message that could not be understood, key is the id of the message.
     */
    key: string;
    /**
     * reason is a CamelCase word that tells programs why the file or event could not be handled.
     */
    reason: string;
    /**
     * message tells people why the file or event could not be handled.
     */
    message: string;
    /**
     * time is the time at which the last try failed.
     */
    time: string;
  }[];
  /**
   * lagSeconds is the age in seconds of the oldest file or message that is not handled yet. The number is 0 when nothing is waiting.
   */
  lagSeconds?: number;
}
