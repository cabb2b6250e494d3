-- What people have chosen for the columns of files whose header does not fit a schema. It is proposed for the next file
-- with such a header, and can be lost.
CREATE TABLE batch_upload.batch_upload_column_choices (
  cluster_id  text NOT NULL,
  namespace   text NOT NULL,
  schema_name text NOT NULL,                            -- the RecordSchema
  header_hash text NOT NULL,                            -- SHA-256 in hex of the names that the header has
  columns     json NOT NULL,                            -- as spec.format.columns, in ASCII, so that any database stores any name
  chosen_by   text NOT NULL,                            -- the user
  chosen_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster_id, namespace, schema_name, header_hash)
);
CREATE INDEX batch_upload_column_choices_chosen ON batch_upload.batch_upload_column_choices (cluster_id, namespace, chosen_at);

-- What became of each column of the file: [{"name", "field"} or {"name", "ignored": true}].
ALTER TABLE batch_upload.batch_uploads ADD COLUMN columns jsonb; -- null: no plan, an empty file, or a plan by an earlier release

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
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON batch_upload.batch_upload_column_choices TO ' || grantee;
  END LOOP;
END $$;
