//! The machine: one fixed Halo2 constraint system and the lowering of integer models to its rows.
//!
//! [`lower::lower`] turns a model into a [`program::Program`], the program's fixed columns are
//! read back and compared with the model by [`audit`], [`witness::Witness`] runs the model and
//! fills the rows, and [`machine`] holds the constraints. Soundness arguments stand in
//! `docs/machine.md`.

pub mod audit;
pub mod chain;
pub mod commitment;
pub mod field;
pub mod lower;
pub mod machine;
pub mod poseidon;
pub mod program;
pub mod shape;
pub mod wide;
pub mod witness;

pub use lower::{LowerError, lower};
pub use machine::{MachineCircuit, MachineConfig};
pub use program::Program;
pub use shape::{
    CompileError, Filled, Item, Lowered, Shape, compile, compile_batch, reopen, reopen_batch,
};
pub use witness::{Witness, WitnessError};
