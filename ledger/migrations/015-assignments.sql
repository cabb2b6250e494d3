-- Small uploads that a pool of warm pods loads, and what the pools have made of them. A row stays when its upload has ended:
-- it says which pod had the upload.
CREATE TABLE batch_upload.batch_upload_assignments (
  batch_upload_id uuid PRIMARY KEY,
  attempt         integer NOT NULL,
  pool            text NOT NULL,                        -- the label batchupload.dev/uid of the pool's Jobs
  parallelism     integer NOT NULL,                     -- sessions for which a plan is made
  state           text NOT NULL DEFAULT 'Waiting'
    CHECK (state IN ('Waiting', 'Claimed', 'Ended', 'Returned')),
  pod             text,                                 -- the last pod that has claimed the upload; null: none has
  lost_pods       integer NOT NULL DEFAULT 0,           -- pods that ended while they had the upload
  assigned_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX batch_upload_assignments_open
  ON batch_upload.batch_upload_assignments (pool, assigned_at) WHERE state IN ('Waiting', 'Claimed');

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
    EXECUTE 'GRANT SELECT, INSERT, UPDATE ON batch_upload.batch_upload_assignments TO ' || grantee;
  END LOOP;
END $$;
