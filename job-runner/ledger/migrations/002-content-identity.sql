-- Records that took the place of stored ones, and keys of uploads for which the target cannot tell whose row it has.

ALTER TABLE batch_upload.batch_uploads ADD COLUMN updated_records bigint;  -- a part of succeeded_records

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
