//! Exit codes, the same for every command.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or yes.
    Yes,
    /// Checked, and the answer is no.
    No,
    /// Bad input, a missing file, an unreachable node: nothing is known.
    CouldNotTell,
}

impl Exit {
    /// Yes or no.
    pub(crate) fn from_verdict(verdict: bool) -> Self {
        if verdict { Self::Yes } else { Self::No }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::CouldNotTell => 2,
        })
    }
}
