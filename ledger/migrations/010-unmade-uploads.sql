-- A file is registered before its upload is made, and its hold ends when the upload is there. A gateway that died in
-- between leaves a hold that has run out; the gateways look for such files every few minutes.
CREATE INDEX batch_upload_files_unmade ON batch_upload.batch_upload_files (cluster_id, namespace)
  WHERE registered_at IS NOT NULL AND held_until IS NOT NULL;
