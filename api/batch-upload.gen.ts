/** Generated from crds/batchuploads.yaml (v1alpha1) by `make generate`; do not edit. */

/**
 * spec says what to load and how. Only suspend, cancel, parallelism, podTemplate, queueName, target.protect, activeDeadlineSeconds, the times to live, the limits of errorPolicy and retryGeneration can be changed later; to change anything else, create another BatchUpload.
 */
export interface BatchUploadSpec {
  /**
   * source says where the records come from.
   */
  source: {
    /**
     * type says how the file arrived. The ledger keeps the type for the audit; the type does not change how the file is loaded. The default is Manual.
     */
    type: 'Manual' | 'API' | 'UI' | 'FTP' | 'S3Event';
    /**
     * event describes what announced the file. The ledger keeps the event for the audit. When absent, nothing announced the file, as when a person creates the upload.
     */
    event?: {
      /**
       * id is the identifier of the event, as the sender of the event gave the identifier.
       */
      id?: string;
      /**
       * time is when the file was in its place, according to the sender of the event.
       */
      time?: string;
      /**
       * uploadSource is the name of the UploadSource, in the same namespace, that created this upload.
       */
      uploadSource?: string;
    };
    /**
     * s3 names the object and the storage that holds the object.
     */
    s3: {
      /**
       * bucket is the name of the bucket that holds the object.
       */
      bucket: string;
      /**
       * key is the key of the object as the storage has it, not URL-encoded.
       */
      key: string;
      /**
       * versionId is the version of the object to load, in a bucket with versions. When absent, the version that is the latest at planning time is loaded.
       */
      versionId?: string;
      /**
       * eTag is the ETag that the object must have. An object with another ETag fails the upload with reason SourceChanged. When absent, the object is loaded whatever its ETag is.
       */
      eTag?: string;
      /**
       * endpoint is the URL of an S3-compatible server as pods reach the server. The field takes precedence over the Secret's AWS_ENDPOINT_URL_S3; when both are absent, the storage is AWS.
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
       * credentialsSecretRef names a Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and, if needed, AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL_S3. When absent, the Secret batch-upload-s3 is used where it exists, and otherwise the pod's own AWS identity. A Secret other than batch-upload-s3 must be in the chart's value uploads.s3.extraSecretNames.
       */
      credentialsSecretRef?: {
        /**
         * name is the name of the Secret, in the same namespace.
         */
        name: string;
      };
    };
  };
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
   * schemaRef names the RecordSchema that says what a record is and which table records go to. The upload keeps a copy of the schema from the moment the upload is accepted, so that later edits do not change the upload.
   */
  schemaRef: {
    /**
     * name is the name of the RecordSchema, in the same namespace.
     */
    name: string;
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
   * retryGeneration asks for one more attempt of a Failed upload each time the number is raised. When absent, the number is 0. Chunks that were loaded are not loaded again; the others are loaded by the same plan and schema, or the file is planned again if there is no plan. A copy of the file that was removed is made again, and must be the same where chunks were loaded from it. The attempt is refused, with the reason in the Failed condition, after SourceChanged, and where data that the attempt needs was removed when the upload ended and cannot be made again.
   */
  retryGeneration?: number;
  /**
   * suspend stops the upload while the value is true: its pods are ended, and no new one is made. Chunks that are committed stay committed. When the value is false again, the upload goes on where it was. An upload that is created suspended is accepted only then, by the RecordSchema of that time. The default is false.
   */
  suspend?: boolean;
  /**
   * cancel ends an upload that has not ended yet, for good: the phase becomes Cancelled, and the condition Failed has the reason Cancelled. Records that are loaded stay in the table, and the counts say how many they are. A cancelled upload cannot be resumed or tried again. The value cannot be taken back. The default is false.
   */
  cancel?: boolean;
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
}

/**
 * status is what the operator has observed of the upload. The status never exceeds 32 KiB, whatever the file.
 */
export interface BatchUploadStatus {
  /**
   * observedGeneration is the generation of the spec that the status describes.
   */
  observedGeneration?: number;
  /**
   * phase summarises for people where the upload is: Pending (not accepted yet; the Accepted condition says why), Queued (another upload loads the same content, a limit has no room, or Kueue has not admitted the Job), Planning (the file is read to find its records), Processing (chunks are loaded), Suspended (spec.suspend is true), Complete, Failed or Cancelled (spec.cancel has ended the upload). Programs read the conditions instead.
   */
  phase?: 'Pending' | 'Queued' | 'Planning' | 'Processing' | 'Suspended' | 'Complete' | 'Failed' | 'Cancelled';
  /**
   * message tells people the most important thing to know about the upload now.
   */
  message?: string;
  /**
   * conditions describe the state of the upload for programs. Every type of condition occurs at most once.
   */
  conditions?: {
    /**
     * type is what the condition is about. Accepted: the database, the schema and the target are in order. Planned: the file was read and cut into chunks. Progressing: the file is being read or loaded. Degraded: something is in the way, and the upload goes on when that is mended. Suspended: spec.suspend is true, or something has suspended the upload's Job; the upload goes on when that is taken back. Complete, Failed: the upload has ended; a cancelled one counts as Failed, with reason Cancelled.
     */
    type: 'Accepted' | 'Planned' | 'Progressing' | 'Degraded' | 'Suspended' | 'Complete' | 'Failed';
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
  /**
   * source describes the object as the planner found it.
   */
  source?: {
    /**
     * sizeBytes is the size of the object in bytes, as the storage holds it.
     */
    sizeBytes?: number;
    /**
     * eTag is the ETag of the object that is loaded.
     */
    eTag?: string;
    /**
     * versionId is the version of the object that is loaded. The field is absent where the bucket has no versions.
     */
    versionId?: string;
    /**
     * digest identifies the content of the object, in the form gmac-8mib:<hex>: the AES-GMAC of every block of 8 MiB, and SHA-256 over these. The digest recognises the same content when it comes again to the same ledger. The key is random and stays in the ledger, so that nobody without the key can compute the digest.
     */
    digest?: string;
    /**
     * format is the type of the file: csv, ndjson or xlsx.
     */
    format?: string;
    /**
     * compression says how the file is packed: none, gzip, zip or zstd.
     */
    compression?: string;
    /**
     * encoding is the character encoding of the text. The field is absent for a workbook.
     */
    encoding?: string;
    /**
     * delimiter is the character between two fields of a CSV file. The field is absent for other types of files.
     */
    delimiter?: string;
  };
  /**
   * plan describes how the file is cut for loading. The field is absent until the file was read once.
   */
  plan?: {
    /**
     * execution says who loads the file: Inline means the pod that planned the file, Job means the pods of an Indexed Job.
     */
    execution?: 'Inline' | 'Job';
    /**
     * records is the number of records to load. The number is 0 when the content was loaded already.
     */
    records?: number;
    /**
     * chunks is the number of chunks that the records are cut into.
     */
    chunks?: number;
    /**
     * indexes is the number of completion indexes of the Indexed Job, 1 for Inline. No more pods than this load the file at the same time.
     */
    indexes?: number;
  };
  /**
   * records counts the records by what became of them: processed = succeeded + failed + duplicate, and total - processed are pending.
   */
  records?: {
    /**
     * total is the number of records to load. The number is 0 when the content was loaded already.
     */
    total?: number;
    /**
     * processed is the number of records whose outcome is committed.
     */
    processed?: number;
    /**
     * succeeded is the number of records that were loaded or, in mode Validate, would be loaded.
     */
    succeeded?: number;
    /**
     * failed is the number of records that the schema or PostgreSQL refused, and of duplicates where the schema says onDuplicate: Fail.
     */
    failed?: number;
    /**
     * duplicate is the number of records that were left out because another record, in the table or in the file, has the same key.
     */
    duplicate?: number;
    /**
     * updated is the number of succeeded records that took the place of a stored row or, in mode Validate, would do so.
     */
    updated?: number;
  };
  /**
   * parallelism is the number of sessions of the database that the pods of the upload have now, as far as their Job says. kubectl scale reads the number.
   */
  parallelism?: number;
  /**
   * progress is the share of processed records, such as 42%, rounded down. 100% is only said of an upload that is Complete.
   */
  progress?: string;
  /**
   * pod is the name of the warm pod that has planned and loaded the upload, or had it last. Warm pods load small uploads one after the other; an upload that had Jobs of its own has no such field.
   */
  pod?: string;
  /**
   * recordsPerSecond is the number of records processed per second: lately while the upload runs, and on average once the upload is Complete.
   */
  recordsPerSecond?: number;
  /**
   * estimatedCompletionTime is the time at which the upload will be complete if the rate stays the same. The field is absent when nothing is being processed.
   */
  estimatedCompletionTime?: string;
  /**
   * columns says what became of each column of the file, in the order of the file: which field of the schema a column is, or that nothing is loaded from it. For NDJSON the columns are the keys of the objects. The field is absent until the file was read once.
   */
  columns?: {
    /**
     * name is the column's name as the file has it. A long name is cut.
     */
    name: string;
    /**
     * field is the name of the schema's field that the column is.
     */
    field?: string;
    /**
     * ignored says that nothing is loaded from the column.
     */
    ignored?: boolean;
  }[];
  /**
   * columnsOmitted is the number of further columns, for which columns has no room. The ledger has all of them.
   */
  columnsOmitted?: number;
  /**
   * pace says why the pods load more slowly than they could, or why a limit of spec.target.protect has no effect. When absent, the pods load as fast as they can.
   */
  pace?: {
    /**
     * reason is why, in one word: ReplicaLag (a replica is too far behind), WalRate (the server writes too much WAL), ReplicaLagUnknown or WalRateUnknown (the pods wait, because the role of the Secret may not see what a limit is for), or NoReplicas (no replica is connected, so that maxReplicaLagSeconds has no effect).
     */
    reason: string;
    /**
     * message says the same for people, and what to do where somebody has to do something.
     */
    message: string;
    /**
     * since is when the first pod began to wait for this reason.
     */
    since: string;
  };
  /**
   * topErrors lists the most frequent error codes, the most frequent first. Duplicates appear with code DUP_001.
   */
  topErrors?: {
    /**
     * code is an error code of records, such as VAL_001.
     */
    code: string;
    /**
     * count is the number of records whose first fault has the code.
     */
    count: number;
    /**
     * message is an example of what the code means in this file. A message never contains a record's values.
     */
    message?: string;
  }[];
  /**
   * jobs lists the Jobs that do the work. The list stays when finished Jobs are removed.
   */
  jobs?: {
    /**
     * name is the name of the Job, in the same namespace.
     */
    name: string;
    /**
     * kind says what the Job does: plan reads the file, and loads it where one pod is enough; process loads a larger file.
     */
    kind?: 'plan' | 'process';
    /**
     * active is the number of pods of the Job that have not ended. The field is absent once the upload has ended.
     */
    active?: number;
    /**
     * succeeded is the number of pods of the Job that ended well. The field is absent once the upload has ended.
     */
    succeeded?: number;
    /**
     * failed is the number of pods of the Job that failed.
     */
    failed?: number;
  }[];
  /**
   * startTime is the time at which the upload was first accepted.
   */
  startTime?: string;
  /**
   * completionTime is the time at which the upload ended as Complete, Failed or Cancelled.
   */
  completionTime?: string;
}
