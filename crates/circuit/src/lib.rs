//! The machine: one fixed Halo2 constraint system and the lowering of integer models to its rows.

pub mod machine;
