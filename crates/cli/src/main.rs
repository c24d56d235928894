//! The haloracle command line.
fn main() {}
