-- What arrived by itself (UploadSource): which object became which upload, for ever, also when the resource is deleted;
-- and the events that nobody could understand.

CREATE TABLE batch_upload.batch_upload_arrivals (
  cluster_id       text NOT NULL,
  namespace        text NOT NULL,
  name             text NOT NULL,                      -- of the BatchUpload: from a hash of what follows
  source           text NOT NULL,                      -- name of the UploadSource
  schema_name      text NOT NULL,
  bucket           text NOT NULL,
  key              text NOT NULL,
  version_id       text,                               -- null: the bucket has no versions
  e_tag            text NOT NULL,                      -- without quotes
  size             bigint NOT NULL,
  last_modified    timestamptz NOT NULL,               -- whole seconds: a head says no more
  event_id         text,
  event_time       timestamptz,
  after_success    jsonb,                              -- {action, prefix}: what is to be done with the object then; null: nothing
  after_success_at timestamptz,                        -- when it was done
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster_id, namespace, name)
);
-- A list asks for a page of objects at once.
CREATE INDEX batch_upload_arrivals_object ON batch_upload.batch_upload_arrivals (cluster_id, namespace, bucket, key);
CREATE INDEX batch_upload_arrivals_due ON batch_upload.batch_upload_arrivals (cluster_id, namespace, source)
  WHERE after_success IS NOT NULL AND after_success_at IS NULL;
-- From an arrival to its upload.
CREATE INDEX batch_uploads_name ON batch_upload.batch_uploads (cluster_id, namespace, name);

CREATE TABLE batch_upload.batch_upload_rejected_events (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cluster_id  text NOT NULL,
  namespace   text NOT NULL,
  source      text NOT NULL,                           -- name of the UploadSource
  message_id  text,                                    -- of the queue; null: posted
  reason      text NOT NULL,
  body        text NOT NULL,                           -- its first 8 KiB, NUL-escaped
  received_at timestamptz NOT NULL DEFAULT now()
);
-- A message that comes back because its deletion was lost is put aside once.
CREATE UNIQUE INDEX batch_upload_rejected_events_message
  ON batch_upload.batch_upload_rejected_events (cluster_id, namespace, source, message_id);
