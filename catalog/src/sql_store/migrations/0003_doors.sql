ALTER TABLE queries ADD COLUMN workgroup TEXT NOT NULL DEFAULT '';
ALTER TABLE queries ADD COLUMN door TEXT NOT NULL DEFAULT '';
ALTER TABLE queries ADD COLUMN submitted INTEGER NOT NULL DEFAULT 0; -- milliseconds since 1970

UPDATE queries SET submitted = json_extract(record, '$.submitted');

CREATE INDEX queries_by_user ON queries (user_name, id);
