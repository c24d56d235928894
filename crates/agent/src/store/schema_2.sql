-- Version 2: when a nonce was first seen used without a receipt of ours, in milliseconds since 1970.
ALTER TABLE slots ADD COLUMN used_ms INTEGER;
