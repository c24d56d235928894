//! What only a checkout of the project has: its models, its contracts as forge built them, its
//! pinned tools. `bench`, `demo`, `devnet` and `fixtures` need one.

mod models;

pub(crate) use models::{Compiled, DEV_K, KnownModel, dev_salt, dev_seed, dev_srs};

use std::path::PathBuf;

/// Where the checkout is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Checkout {
    /// Root of a checkout of the project
    #[arg(long = "checkout", value_name = "DIR", default_value = ".")]
    root: PathBuf,
}

impl Checkout {
    /// A path inside the checkout.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }
}
