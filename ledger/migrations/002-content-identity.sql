-- The same content is loaded once. Records may replace stored rows. The ledger keeps the keys of an upload when the target
-- table cannot tell which of its rows belong to the upload.

ALTER TABLE batch_upload.batch_uploads
  ADD COLUMN updated_records bigint,                   -- those of succeeded_records that replaced a stored row
  ADD COLUMN claimed boolean NOT NULL DEFAULT false,   -- is this the one upload that loads, or has loaded, this content?
  ADD COLUMN same_as uuid,                             -- the upload that loads (Queued) or had loaded (Complete) this content
  DROP CONSTRAINT batch_uploads_status_check,
  ADD CONSTRAINT batch_uploads_status_check
    CHECK (status IN ('Planning', 'Queued', 'Processing', 'Complete', 'Failed', 'Deleted')),
  ADD CHECK (status <> 'Queued' OR same_as IS NOT NULL);
DROP INDEX batch_upload.batch_uploads_running;
CREATE INDEX batch_uploads_running ON batch_upload.batch_uploads (cluster_id)
  WHERE status IN ('Planning', 'Queued', 'Processing');

-- started_at is the time when the loading began. Before this version the loading began at once after the plan.
UPDATE batch_upload.batch_uploads SET started_at = planned_at WHERE started_at IS NULL;
UPDATE batch_upload.batch_uploads SET claimed = true WHERE id IN (
  SELECT DISTINCT ON (cluster_id, namespace, schema_hash, digest, size_bytes) id FROM batch_upload.batch_uploads
  WHERE status IN ('Processing', 'Complete') ORDER BY cluster_id, namespace, schema_hash, digest, size_bytes, planned_at DESC);
-- The schema's hash covers the target table as well.
CREATE UNIQUE INDEX batch_uploads_claim
  ON batch_upload.batch_uploads (cluster_id, namespace, schema_hash, digest, size_bytes) WHERE claimed;

ALTER TABLE batch_upload.batch_upload_audit_logs
  ADD COLUMN updated_count integer,                    -- those of succeeded_count that replaced a row; null before version 2
  ADD CHECK (event_type <> 'chunk_completed' OR updated_count BETWEEN 0 AND succeeded_count);
DROP INDEX batch_upload.batch_upload_audit_logs_chunk;
CREATE UNIQUE INDEX batch_upload_audit_logs_chunk ON batch_upload.batch_upload_audit_logs (batch_upload_id, chunk_number)
  INCLUDE (records_in_chunk, succeeded_count, failed_count, duplicate_count, updated_count)
  WHERE event_type = 'chunk_completed';

-- The rows are removed when the upload has ended. A key is stored as two 64-bit hashes, so that its type does not matter and
-- the table holds no value.
CREATE TABLE batch_upload.batch_upload_keys (
  batch_upload_id uuid NOT NULL,
  hash_1          bigint NOT NULL,
  hash_2          bigint NOT NULL,
  row_number      bigint NOT NULL,                     -- the row number of the record that has the key
  PRIMARY KEY (batch_upload_id, hash_1, hash_2)
);
