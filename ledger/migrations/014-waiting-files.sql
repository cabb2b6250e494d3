-- Files of UploadSources that wait for BatchUploads that were created before (spec.concurrencyPolicy Serial and
-- spec.maxActiveUploads), and files that were refused because a newer file was loaded before them. The rows stay for ever, as
-- those of the arrivals do.
CREATE TABLE batch_upload.batch_upload_waiting_files (
  cluster_id    text NOT NULL,
  namespace     text NOT NULL,
  name          text NOT NULL,                         -- the name that the BatchUpload will have
  source        text NOT NULL,                         -- name of the UploadSource
  schema_name   text NOT NULL,
  bucket        text NOT NULL,
  key           text NOT NULL,
  version_id    text,                                  -- null: the bucket keeps no versions
  e_tag         text NOT NULL,                         -- the ETag without quotes
  size          bigint NOT NULL,
  last_modified timestamptz NOT NULL,                  -- whole seconds
  event_id      text,
  event_time    timestamptz,
  order_time    timestamptz NOT NULL,                  -- the file with the earlier time comes first
  order_key     text NOT NULL,                         -- of two files of one time the one with the lesser key comes first
  state         text NOT NULL DEFAULT 'Waiting'
    CHECK (state IN ('Waiting', 'Taken', 'Done', 'Refused', 'Dropped')),
  reason        text,                                  -- why the file was refused or dropped, for programs
  message       text,                                  -- the same for people
  created_at    timestamptz NOT NULL DEFAULT now(),
  changed_at    timestamptz NOT NULL DEFAULT now(),
  taken_at      timestamptz,                           -- when the file had its turn; null: it has not had one
  PRIMARY KEY (cluster_id, namespace, name)
);
CREATE INDEX batch_upload_waiting_files_next
  ON batch_upload.batch_upload_waiting_files (cluster_id, namespace, source, order_time, order_key COLLATE "C")
  WHERE state IN ('Waiting', 'Taken');
-- This index finds the last turn of an UploadSource.
CREATE INDEX batch_upload_waiting_files_taken
  ON batch_upload.batch_upload_waiting_files (cluster_id, namespace, source, taken_at) WHERE taken_at IS NOT NULL;
-- A listing looks up a page of objects at once.
CREATE INDEX batch_upload_waiting_files_object
  ON batch_upload.batch_upload_waiting_files (cluster_id, namespace, bucket, key);

-- The place of an arrival in the order of its UploadSource; null: last_modified and key, as before there was an order.
ALTER TABLE batch_upload.batch_upload_arrivals ADD COLUMN order_time timestamptz, ADD COLUMN order_key text;
-- This index finds the newest file that an UploadSource has loaded.
CREATE INDEX batch_upload_arrivals_order ON batch_upload.batch_upload_arrivals
  (cluster_id, namespace, source, (coalesce(order_time, last_modified)), (coalesce(order_key, key)) COLLATE "C");

-- Roles that may use the ledger's other tables may use the new one.
DO $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE c.oid = 'batch_upload.batch_upload_keys'::regclass AND a.privilege_type = 'DELETE' AND a.grantee <> c.relowner
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE ON batch_upload.batch_upload_waiting_files TO ' || grantee;
  END LOOP;
END $$;
