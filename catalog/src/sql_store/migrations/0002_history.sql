CREATE TABLE queries (
    id        TEXT PRIMARY KEY, -- sorts by time
    user_name TEXT NOT NULL,
    token     TEXT,
    owner     TEXT NOT NULL,
    state     TEXT NOT NULL,
    has_ended INTEGER NOT NULL,
    ended     INTEGER,          -- milliseconds since 1970
    has_runs  INTEGER NOT NULL, -- may have objects in an exchange
    to_cancel INTEGER NOT NULL DEFAULT FALSE,
    record    TEXT NOT NULL     -- JSON of QueryRecord
) STRICT;

CREATE UNIQUE INDEX queries_by_token ON queries (user_name, token) WHERE token IS NOT NULL;
CREATE INDEX queries_unsettled ON queries (owner) WHERE NOT has_ended OR has_runs;
CREATE INDEX queries_by_end ON queries (ended) WHERE has_ended;

CREATE TABLE owners (
    id        TEXT PRIMARY KEY,
    last_seen INTEGER NOT NULL -- milliseconds since 1970
) STRICT;
