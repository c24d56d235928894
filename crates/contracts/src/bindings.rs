//! What `sol!` makes of `contracts/types` and `contracts/interfaces` (joined by `build.rs`).

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
