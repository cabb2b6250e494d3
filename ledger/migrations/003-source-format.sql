-- The format of an upload's file, and the place of its canonical copy. A file that is not plain UTF-8 text is copied under
-- work/ while it is loaded. Chunks and the byte offsets of failed records then point into the copy.

ALTER TABLE batch_upload.batch_uploads
  ADD COLUMN source_format   jsonb,                    -- {type, compression, encoding, delimiter, chunkDelimiter}
  ADD COLUMN work_bucket     text,                     -- set before a copy is begun; copies lie under work/<id>/
  ADD COLUMN work_key        text,                     -- the copy that the plan uses; null: chunks point into the file itself
  ADD COLUMN work_etag       text,
  ADD COLUMN work_version_id text,
  ADD COLUMN work_size       bigint,
  ADD CHECK (work_key IS NULL OR num_nulls(work_bucket, work_etag, work_size) = 0);
