-- The same content is loaded once; records may take the place of stored ones; keys of uploads for which the target cannot
-- tell whose row it has.

ALTER TABLE batch_upload.batch_uploads
  ADD COLUMN updated_records bigint,                   -- a part of succeeded_records
  ADD COLUMN claimed boolean NOT NULL DEFAULT false,   -- the one upload that loads, or has loaded, this content
  ADD COLUMN same_as uuid,                             -- Queued: who loads the same content; Complete: who had loaded it
  DROP CONSTRAINT batch_uploads_status_check,
  ADD CONSTRAINT batch_uploads_status_check
    CHECK (status IN ('Planning', 'Queued', 'Processing', 'Complete', 'Failed', 'Deleted')),
  ADD CHECK (status <> 'Queued' OR same_as IS NOT NULL);
DROP INDEX batch_upload.batch_uploads_running;
CREATE INDEX batch_uploads_running ON batch_upload.batch_uploads (cluster_id)
  WHERE status IN ('Planning', 'Queued', 'Processing');

-- started_at is when the loading began: at once after the plan, until this version.
UPDATE batch_upload.batch_uploads SET started_at = planned_at WHERE started_at IS NULL;
UPDATE batch_upload.batch_uploads SET claimed = true WHERE id IN (
  SELECT DISTINCT ON (cluster_id, namespace, schema_hash, digest, size_bytes) id FROM batch_upload.batch_uploads
  WHERE status IN ('Processing', 'Complete') ORDER BY cluster_id, namespace, schema_hash, digest, size_bytes, planned_at DESC);
-- The schema's hash is over its target table as well.
CREATE UNIQUE INDEX batch_uploads_claim
  ON batch_upload.batch_uploads (cluster_id, namespace, schema_hash, digest, size_bytes) WHERE claimed;

ALTER TABLE batch_upload.batch_upload_audit_logs
  ADD COLUMN updated_count integer,                    -- a part of succeeded_count; null before this version
  ADD CHECK (event_type <> 'chunk_completed' OR updated_count BETWEEN 0 AND succeeded_count);
DROP INDEX batch_upload.batch_upload_audit_logs_chunk;
CREATE UNIQUE INDEX batch_upload_audit_logs_chunk ON batch_upload.batch_upload_audit_logs (batch_upload_id, chunk_number)
  INCLUDE (records_in_chunk, succeeded_count, failed_count, duplicate_count, updated_count)
  WHERE event_type = 'chunk_completed';

-- Removed when the upload has ended. Two 64-bit hashes of the key, so that its type does not matter and no value is here.
CREATE TABLE batch_upload.batch_upload_keys (
  batch_upload_id uuid NOT NULL,
  hash_1          bigint NOT NULL,
  hash_2          bigint NOT NULL,
  row_number      bigint NOT NULL,                     -- of the record that has the key
  PRIMARY KEY (batch_upload_id, hash_1, hash_2)
);
