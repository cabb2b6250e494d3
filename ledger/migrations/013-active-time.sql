-- The time for which pods have worked on an attempt of an upload, for spec.activeDeadlineSeconds; only uploads that have a
-- deadline are counted. The time is no column of the upload's row, which every chunk's transaction locks.
CREATE TABLE batch_upload.batch_upload_active_times (
  batch_upload_id uuid NOT NULL,
  attempt         integer NOT NULL,
  active_ms       bigint NOT NULL DEFAULT 0,            -- without the time since active_since
  active_since    timestamptz,                          -- null: no pod works
  PRIMARY KEY (batch_upload_id, attempt)
);

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
    EXECUTE 'GRANT SELECT, INSERT, UPDATE ON batch_upload.batch_upload_active_times TO ' || grantee;
  END LOOP;
END $$;
