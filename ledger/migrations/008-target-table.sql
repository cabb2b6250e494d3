-- The table that has the upload's rows, so that a pod which starts later notices when another table has taken the name.
ALTER TABLE batch_upload.batch_uploads ADD COLUMN target_oid bigint; -- pg_class.oid; null: no pod has looked at the table yet
