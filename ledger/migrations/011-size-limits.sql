-- A page without a script cannot know the size of a file before the file is sent: the size of its place is then the most
-- bytes that the file may have.
ALTER TABLE batch_upload.batch_upload_files ADD COLUMN size_is_limit boolean NOT NULL DEFAULT false;
