-- A failed upload whose file was copied can be tried again: its copy is made anew, and has to be the same as the copy into which
-- the chunks of the plan point.
ALTER TABLE batch_upload.batch_uploads ADD COLUMN work_digest text; -- of the copy's bytes; null: no copy, or a plan by an earlier release

-- A plan of which nothing is loaded is dropped for another attempt. Roles that may use the ledger's other tables may remove its chunks.
DO $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE c.oid = 'batch_upload.batch_upload_keys'::regclass AND a.privilege_type = 'DELETE' AND a.grantee <> c.relowner
  LOOP
    EXECUTE 'GRANT DELETE ON batch_upload.batch_upload_chunks TO ' || grantee;
  END LOOP;
END $$;
