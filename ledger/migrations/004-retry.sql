-- A failed upload can be tried again: a greater spec.retryGeneration opens another attempt.

ALTER TABLE batch_upload.batch_uploads
  ADD COLUMN retry_generation integer NOT NULL DEFAULT 0; -- spec.retryGeneration for which the upload was last tried again
