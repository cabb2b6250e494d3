-- A record that a foreign key refuses may refer to a record of a later chunk. Such a record is pending until all chunks are
-- through. The row is removed in the transaction that writes the record, or that counts the record as failed.

CREATE TABLE batch_upload.batch_upload_pending_records (
  batch_upload_id uuid NOT NULL,
  row_number      bigint NOT NULL,
  chunk_number    integer NOT NULL,
  record          text NOT NULL,                       -- the columns of the target as PostgreSQL writes a row as text
  byte_offset     bigint,                              -- this and the columns below are what an error of the record needs
  byte_length     integer,
  row_data        text,
  PRIMARY KEY (batch_upload_id, row_number)
);

-- Roles that may use the ledger's other tables may use the new table, so that uploads go on that run at this moment.
DO $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE c.oid = 'batch_upload.batch_upload_keys'::regclass AND a.privilege_type = 'DELETE' AND a.grantee <> c.relowner
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON batch_upload.batch_upload_pending_records TO ' || grantee;
  END LOOP;
END $$;

-- The audit rows of a chunk count what was decided when the chunk was committed. Pending records are counted by rows of
-- their own, with the event pending_completed and without a number of a chunk.
ALTER TABLE batch_upload.batch_upload_audit_logs
  ADD CONSTRAINT batch_upload_audit_logs_pending CHECK (event_type <> 'pending_completed' OR chunk_number IS NULL
    AND records_in_chunk = succeeded_count + failed_count + duplicate_count
    AND updated_count BETWEEN 0 AND succeeded_count) NOT VALID;
