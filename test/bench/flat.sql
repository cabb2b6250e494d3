-- The target table of flat.yaml has the certification file's 19 columns as 19 typed columns, and nothing that a plain
-- table would not have.
CREATE TABLE flat (
  member_id                   text NOT NULL,
  case_number                 text NOT NULL,
  member_email                text NOT NULL,
  first_name                  text,
  middle_name                 text,
  last_name                   text,
  certification_date          date NOT NULL,
  certification_type          text NOT NULL,
  lookback_period             integer,
  number_of_months_to_certify integer,
  due_period_days             integer,
  address                     text,
  county                      text,
  zip_code                    text,
  date_of_birth               date,
  pregnancy_status            text,
  race_ethnicity              text,
  work_hours                  integer,
  other_income_sources        text,
  PRIMARY KEY (member_id, case_number, certification_date)
);
