//! The operators: one file per family, one list of all.

mod arithmetic;
mod constant;
mod conv;
mod function;
mod gather;
mod join;
mod linear;
mod logic;
mod ml;
mod norm;
mod pool;
mod quantized;
mod recurrent;
mod reduce;
mod registry;
mod resize;
mod shape;
mod slice;
mod softmax;
mod window;

pub use registry::{Operator, operators};
pub(crate) use registry::{find, supported};
