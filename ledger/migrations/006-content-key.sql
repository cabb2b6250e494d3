-- The digest of a file's content uses a key. Every ledger has its own.

CREATE TABLE batch_upload.batch_upload_content_key (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  key      bytea NOT NULL CHECK (length(key) = 16)
);
INSERT INTO batch_upload.batch_upload_content_key (key)
  VALUES (substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FOR 16));
