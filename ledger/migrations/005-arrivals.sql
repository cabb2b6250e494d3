-- Objects that an UploadSource has found: which object became which upload. The rows stay for ever, also when the resource is
-- deleted. Events that could not be understood have a table of their own.

CREATE TABLE batch_upload.batch_upload_arrivals (
  cluster_id       text NOT NULL,
  namespace        text NOT NULL,
  name             text NOT NULL,                      -- name of the BatchUpload, made from a hash of the object's columns
  source           text NOT NULL,                      -- name of the UploadSource
  schema_name      text NOT NULL,
  bucket           text NOT NULL,
  key              text NOT NULL,
  version_id       text,                               -- null: the bucket keeps no versions
  e_tag            text NOT NULL,                      -- the ETag without quotes
  size             bigint NOT NULL,
  last_modified    timestamptz NOT NULL,               -- whole seconds: a HEAD request is not more precise
  event_id         text,
  event_time       timestamptz,
  after_success    jsonb,                              -- {action, prefix}: what happens to the object; null: it stays
  after_success_at timestamptz,                        -- when after_success was done
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster_id, namespace, name)
);
-- A listing looks up a page of objects at once.
CREATE INDEX batch_upload_arrivals_object ON batch_upload.batch_upload_arrivals (cluster_id, namespace, bucket, key);
CREATE INDEX batch_upload_arrivals_due ON batch_upload.batch_upload_arrivals (cluster_id, namespace, source)
  WHERE after_success IS NOT NULL AND after_success_at IS NULL;
-- This index leads from an arrival to its upload.
CREATE INDEX batch_uploads_name ON batch_upload.batch_uploads (cluster_id, namespace, name);

CREATE TABLE batch_upload.batch_upload_rejected_events (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cluster_id  text NOT NULL,
  namespace   text NOT NULL,
  source      text NOT NULL,                           -- name of the UploadSource
  message_id  text,                                    -- id of the queue's message; null: the event was posted
  reason      text NOT NULL,
  body        text NOT NULL,                           -- the first 8 KiB of the event, NUL-escaped
  received_at timestamptz NOT NULL DEFAULT now()
);
-- A message that is delivered again, because its deletion was lost, is kept once.
CREATE UNIQUE INDEX batch_upload_rejected_events_message
  ON batch_upload.batch_upload_rejected_events (cluster_id, namespace, source, message_id);
