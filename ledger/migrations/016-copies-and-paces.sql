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

-- Why pods load more slowly than they could, for spec.target.protect; only uploads that have limits are noted. The note is no
-- column of the upload's row, which every chunk's transaction locks.
CREATE TABLE batch_upload.batch_upload_paces (
  batch_upload_id  uuid NOT NULL,
  completion_index integer NOT NULL,                    -- the index of the Job for which the pod works
  attempt          integer NOT NULL,
  reason           text NOT NULL,                       -- for programs
  message          text NOT NULL,                       -- the same for people
  since            timestamptz NOT NULL,                -- when the pod began to be slow for this reason
  noted_at         timestamptz,                         -- the pod says it again now and then; null: it goes on
  PRIMARY KEY (batch_upload_id, completion_index)
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
    EXECUTE 'GRANT SELECT, INSERT, UPDATE ON batch_upload.batch_upload_paces TO ' || grantee;
  END LOOP;
END $$;
