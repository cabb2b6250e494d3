-- This is the target table of recordschema-certifications.yaml.
CREATE TABLE certifications (
  id                         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  member_id                  text NOT NULL,
  case_number                text NOT NULL,
  certification_date         date NOT NULL,
  certification_type         text NOT NULL,
  member_data                jsonb NOT NULL,
  certification_requirements jsonb NOT NULL,
  batch_upload_id            uuid NOT NULL,
  row_number                 bigint NOT NULL,
  UNIQUE (member_id, case_number, certification_date)
);
