-- Version 1. One database belongs to one chain and one hub (`binding`), so a request id alone
-- identifies a job. Hashes and addresses are blobs; amounts are decimal text.

CREATE TABLE binding (
    only     INTEGER PRIMARY KEY CHECK (only = 0),
    chain_id INTEGER NOT NULL,
    hub      BLOB    NOT NULL
) STRICT;

-- Blocks whose logs are on disk, newest last: where a reorganisation is walked back to.
-- The highest one is the cursor.
CREATE TABLE checkpoints (
    number INTEGER PRIMARY KEY,
    hash   BLOB    NOT NULL
) STRICT;

CREATE TABLE jobs (
    id            BLOB    PRIMARY KEY,
    request       BLOB    NOT NULL,
    input         BLOB    NOT NULL,
    model_id      BLOB    NOT NULL,
    fee           TEXT    NOT NULL,
    deadline      INTEGER NOT NULL,
    block_number  INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    reason        TEXT,
    attempts      INTEGER NOT NULL DEFAULT 0,
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    -- Block in which the chain was seen to have settled it.
    settled_block INTEGER
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, block_number);

CREATE TABLE proofs (
    id     BLOB NOT NULL REFERENCES jobs (id),
    payee  BLOB NOT NULL,
    output BLOB NOT NULL,
    proof  BLOB NOT NULL,
    PRIMARY KEY (id, payee)
) STRICT;

-- A nonce that this agent took. `request_id` is null for a filler that only uses the nonce up.
CREATE TABLE slots (
    signer       BLOB    NOT NULL,
    nonce        INTEGER NOT NULL,
    request_id   BLOB REFERENCES jobs (id),
    state        TEXT    NOT NULL,
    mined_hash   BLOB,
    mined_block  INTEGER,
    mined_ok     INTEGER,
    PRIMARY KEY (signer, nonce)
) STRICT;
-- Never two transactions for one request at a time.
CREATE UNIQUE INDEX one_live_slot ON slots (request_id) WHERE state IN ('live', 'mined');

-- Signed transactions, written before they are sent. Several of one nonce replace each other.
CREATE TABLE transactions (
    hash         BLOB    PRIMARY KEY,
    signer       BLOB    NOT NULL,
    nonce        INTEGER NOT NULL,
    raw          BLOB    NOT NULL,
    gas          INTEGER NOT NULL,
    max_fee      TEXT    NOT NULL,
    priority_fee TEXT    NOT NULL,
    created_ms   INTEGER NOT NULL,
    sent_ms      INTEGER,
    FOREIGN KEY (signer, nonce) REFERENCES slots (signer, nonce)
) STRICT;
CREATE INDEX transactions_by_slot ON transactions (signer, nonce);
