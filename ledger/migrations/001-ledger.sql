-- The ledger records what was asked for, what was planned and what was done. The ledger is in the target database, so that
-- a chunk's rows, its failed records and its audit row are one transaction.

CREATE TABLE batch_upload.batch_uploads (
  id                uuid PRIMARY KEY,                  -- metadata.uid of the BatchUpload
  cluster_id        text NOT NULL,                     -- metadata.uid of the kube-system namespace
  namespace         text NOT NULL,
  name              text NOT NULL,
  status            text NOT NULL DEFAULT 'Planning'
                    CHECK (status IN ('Planning', 'Processing', 'Complete', 'Failed', 'Deleted')),
  attempt           integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),
  source_type       text NOT NULL,
  filename          text NOT NULL,
  s3_bucket         text NOT NULL,
  s3_key            text NOT NULL,
  request           jsonb NOT NULL,                    -- the part of the spec that the runner needs; never a credential
  schema            jsonb NOT NULL,                    -- the RecordSchema's spec, pinned
  schema_hash       text NOT NULL,
  -- These columns are filled by the plan:
  execution         text CHECK (execution IN ('Inline', 'Job')),
  s3_version_id     text,
  s3_etag           text,
  size_bytes        bigint,
  digest            text,
  header            jsonb,                             -- the names of the file's columns in their order; null: the file is empty
  total_records     bigint,
  total_chunks      integer,
  total_indexes     integer,
  planned_at        timestamptz,
  -- These columns are filled at the end, from the audit rows:
  processed_records bigint,
  succeeded_records bigint,
  failed_records    bigint,
  duplicate_records bigint,
  failure_reason    text,
  failure_message   text,
  started_at        timestamptz,
  completed_at      timestamptz,
  created_at        timestamptz NOT NULL DEFAULT now(),
  CHECK ((planned_at IS NULL) = (total_chunks IS NULL)),
  CHECK (status <> 'Complete' OR processed_records = total_records)
);
CREATE INDEX batch_uploads_running ON batch_upload.batch_uploads (cluster_id) WHERE status IN ('Planning', 'Processing');

CREATE TABLE batch_upload.batch_upload_chunks (
  batch_upload_id  uuid NOT NULL REFERENCES batch_upload.batch_uploads (id),
  chunk_number     integer NOT NULL CHECK (chunk_number >= 0),
  start_byte       bigint NOT NULL CHECK (start_byte >= 0),
  end_byte         bigint NOT NULL,                    -- the chunk ends before this byte
  first_row_number bigint NOT NULL CHECK (first_row_number >= 1),
  record_count     integer NOT NULL CHECK (record_count >= 1),
  completed_at     timestamptz,
  PRIMARY KEY (batch_upload_id, chunk_number),
  CHECK (end_byte > start_byte)
);

-- The tables below have no foreign keys: a check for each of millions of failed records is expensive, and would never find
-- anything, since uploads are never deleted from the ledger.
CREATE TABLE batch_upload.batch_upload_audit_logs (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_upload_id  uuid NOT NULL,
  event_type       text NOT NULL,
  chunk_number     integer,
  records_in_chunk integer,
  succeeded_count  integer,
  failed_count     integer,
  duplicate_count  integer,
  duration_ms      integer,
  metadata         jsonb NOT NULL DEFAULT '{}',
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (event_type <> 'chunk_completed' OR records_in_chunk = succeeded_count + failed_count + duplicate_count)
);
CREATE UNIQUE INDEX batch_upload_audit_logs_chunk ON batch_upload.batch_upload_audit_logs (batch_upload_id, chunk_number)
  INCLUDE (records_in_chunk, succeeded_count, failed_count, duplicate_count) WHERE event_type = 'chunk_completed';
CREATE INDEX batch_upload_audit_logs_upload ON batch_upload.batch_upload_audit_logs (batch_upload_id, id)
  WHERE event_type <> 'chunk_completed';

CREATE FUNCTION batch_upload.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON batch_upload.batch_upload_audit_logs
  FOR EACH STATEMENT EXECUTE FUNCTION batch_upload.refuse_change();

CREATE TABLE batch_upload.batch_upload_errors (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_upload_id uuid NOT NULL,
  row_number      bigint NOT NULL,
  error_code      text NOT NULL,                       -- the code of the record's first fault
  error_field     text,
  error_message   text NOT NULL,                       -- the messages of all faults of the record; never a value
  faults          jsonb NOT NULL,                      -- [{code, field, message}] in the order of the codes
  byte_offset     bigint,                              -- the record's position in the file; null: not known
  byte_length     integer,
  row_data        text,                                -- capped, NUL-escaped, sensitive fields masked; null: no text is kept
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX batch_upload_errors_row ON batch_upload.batch_upload_errors (batch_upload_id, row_number);
