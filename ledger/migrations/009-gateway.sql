-- What the gateway must remember between two requests. All of it can be lost but the files: these rows alone say which
-- objects the gateway may remove.

CREATE TABLE batch_upload.batch_upload_files (
  id             uuid PRIMARY KEY,                      -- also a part of the key
  cluster_id     text NOT NULL,
  namespace      text NOT NULL,
  creator        text NOT NULL,                         -- the user that asked for the place
  bucket         text NOT NULL,
  key            text NOT NULL,
  file_name      text NOT NULL,
  content_type   text NOT NULL,
  size           bigint NOT NULL CHECK (size >= 0),
  checksum       text,                                  -- <algorithm>:<base64>; null: the sender declared none
  multipart_id   text,                                  -- the storage's id of a multipart upload; null: one PUT or POST
  part_size      bigint,                                -- the size of every part but the last; null: no parts
  created_at     timestamptz NOT NULL DEFAULT now(),
  upload_name    text,                                  -- the BatchUpload that loads the file; null: not registered
  registered_at  timestamptz,
  held_until     timestamptz,                           -- a registration is under way, and nothing is removed until then
  abandoned_at   timestamptz,                           -- the sender gave the file up, so that it is never registered
  claimed_at     timestamptz,                           -- a gateway began to remove the object, so that it is never registered
  removed_at     timestamptz,                           -- nothing is left of what was never registered
  CHECK ((upload_name IS NULL) = (registered_at IS NULL)),
  CHECK (registered_at IS NULL OR (abandoned_at IS NULL AND claimed_at IS NULL)),
  CHECK (removed_at IS NULL OR claimed_at IS NOT NULL)
);
CREATE INDEX batch_upload_files_left ON batch_upload.batch_upload_files (cluster_id, namespace, created_at)
  WHERE registered_at IS NULL AND removed_at IS NULL;
CREATE INDEX batch_upload_files_creator ON batch_upload.batch_upload_files (cluster_id, namespace, creator)
  WHERE registered_at IS NULL AND removed_at IS NULL;

-- The answer of each request with an Idempotency-Key, for a day.
CREATE TABLE batch_upload.batch_upload_requests (
  cluster_id   text NOT NULL,
  namespace    text NOT NULL,
  sender       text NOT NULL,
  key          text NOT NULL,
  request_hash text NOT NULL,                           -- SHA-256 of method, path and body
  status       integer,                                 -- null: the request is being carried out
  headers      jsonb,
  body         text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster_id, namespace, sender, key)
);
CREATE INDEX batch_upload_requests_created ON batch_upload.batch_upload_requests (created_at);

-- The nonces of message signatures that were seen, until no signature with them is valid any more.
CREATE TABLE batch_upload.batch_upload_nonces (
  cluster_id text NOT NULL,
  namespace  text NOT NULL,
  key_id     text NOT NULL,
  nonce      text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (cluster_id, namespace, key_id, nonce)
);
CREATE INDEX batch_upload_nonces_expires ON batch_upload.batch_upload_nonces (expires_at);

-- Roles that may use the ledger's other tables may use the new ones.
DO $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE c.oid = 'batch_upload.batch_upload_keys'::regclass AND a.privilege_type = 'DELETE' AND a.grantee <> c.relowner
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON batch_upload.batch_upload_files, batch_upload.batch_upload_requests, batch_upload.batch_upload_nonces TO '
      || grantee;
  END LOOP;
END $$;
