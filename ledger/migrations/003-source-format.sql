-- What kind of file the source is, and where its canonical copy lies: bytes that are not plain UTF-8 text are copied
-- under work/ while they are loaded. With a copy, chunks and the byte offsets of failed records point into it.

ALTER TABLE batch_upload.batch_uploads
  ADD COLUMN source_format   jsonb,                    -- {type, compression, encoding, delimiter, chunkDelimiter}
  ADD COLUMN work_bucket     text,                     -- before the first byte is written: copies lie under work/<id>/
  ADD COLUMN work_key        text,                     -- the plan's; null: chunks point into the source itself
  ADD COLUMN work_etag       text,
  ADD COLUMN work_version_id text,
  ADD COLUMN work_size       bigint,
  ADD CHECK (work_key IS NULL OR num_nulls(work_bucket, work_etag, work_size) = 0);
