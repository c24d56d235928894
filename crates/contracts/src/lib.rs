//! Alloy bindings of the on-chain interfaces and the statement hashing shared by everyone.
