//! Test support: an anvil harness, random models and mutation helpers.
