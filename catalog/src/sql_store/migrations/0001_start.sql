CREATE TABLE databases (
    name       TEXT PRIMARY KEY,
    definition TEXT NOT NULL -- JSON of Database
) STRICT;

INSERT INTO databases VALUES ('default', '{"name":"default","description":null,"location_uri":null,"parameters":{}}');

CREATE TABLE tables (
    database   TEXT NOT NULL REFERENCES databases ON DELETE CASCADE,
    name       TEXT NOT NULL,
    definition TEXT NOT NULL, -- JSON of Table
    PRIMARY KEY (database, name)
) STRICT;

CREATE TABLE partitions (
    database   TEXT NOT NULL,
    table_name TEXT NOT NULL,
    "values"   TEXT NOT NULL, -- JSON array of text
    definition TEXT NOT NULL, -- JSON of Partition
    PRIMARY KEY (database, table_name, "values"),
    FOREIGN KEY (database, table_name) REFERENCES tables ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
