-- A failed upload can be tried again: one more attempt for a greater spec.retryGeneration.

ALTER TABLE batch_upload.batch_uploads
  ADD COLUMN retry_generation integer NOT NULL DEFAULT 0; -- of the BatchUpload, when it was last tried again
