-- Version 4: proofs that requests of one model share. A member keeps its place whatever becomes of
-- its job: the proof is about all of them in this order.
CREATE TABLE batches (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    settler       BLOB    NOT NULL,
    model_id      BLOB    NOT NULL,
    items         INTEGER NOT NULL,
    payee         BLOB    NOT NULL,
    tag           BLOB    NOT NULL,
    outputs       BLOB    NOT NULL,
    proof         BLOB    NOT NULL,
    -- `proved`: may be sent; `sending`: the outbox owns it; `over`.
    state         TEXT    NOT NULL,
    not_before_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX batches_by_state ON batches (state);

CREATE TABLE batch_members (
    batch_id   INTEGER NOT NULL REFERENCES batches (id),
    position   INTEGER NOT NULL,
    request_id BLOB    NOT NULL REFERENCES jobs (id),
    PRIMARY KEY (batch_id, position)
) STRICT;
CREATE INDEX batches_by_member ON batch_members (request_id);

ALTER TABLE slots ADD COLUMN batch_id INTEGER REFERENCES batches (id);
CREATE UNIQUE INDEX one_live_slot_of_batch ON slots (batch_id) WHERE state IN ('live', 'mined');

-- Settled by a proof of its own: a proof that it shared came to nothing.
ALTER TABLE jobs ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
