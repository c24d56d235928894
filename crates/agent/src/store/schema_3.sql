-- Version 3: what opens private inputs, encrypted, until its request is settled or its time is over.
CREATE TABLE openings (
    id       BLOB    PRIMARY KEY REFERENCES jobs (id),
    sealed   BLOB    NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
