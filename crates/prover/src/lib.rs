//! SRS files, keys, bundles, proving and verification.
