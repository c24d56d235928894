//! Named points at which a test can end the process, to show that nothing is lost or done twice.
//!
//! Test-only: with neither variable set a point costs one comparison. See
//! `docs/decisions/0002-crash-points.md`.

use std::{env, process, sync::OnceLock, thread, time::Duration};

/// Where the agent may die between two effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Logs are read, nothing is written.
    Log,
    /// Jobs are on disk, the cursor is not.
    Job,
    /// The cursor is on disk.
    CursorCommit,
    /// Input decoded and answered, not proved.
    Witness,
    /// Proved, the proof is not on disk.
    Proof,
    /// A proof that requests share is on disk, nothing is signed.
    Batch,
    /// The signed transaction is on disk, not sent.
    DiskWrite,
    /// Sent, not noted as sent.
    Broadcast,
    /// The receipt is read, not written.
    Receipt,
    /// Jobs of removed blocks are marked, the cursor is not rewound.
    RemovedLog,
}

impl Point {
    /// Every point, in the order of a request's life.
    pub const ALL: [Self; 10] = [
        Self::Log,
        Self::Job,
        Self::CursorCommit,
        Self::Witness,
        Self::Proof,
        Self::Batch,
        Self::DiskWrite,
        Self::Broadcast,
        Self::Receipt,
        Self::RemovedLog,
    ];

    /// Its value in `HALORACLE_CRASH_AT` and `HALORACLE_HOLD_AT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Job => "job",
            Self::CursorCommit => "cursor_commit",
            Self::Witness => "witness",
            Self::Proof => "proof",
            Self::Batch => "batch",
            Self::DiskWrite => "disk_write",
            Self::Broadcast => "broadcast",
            Self::Receipt => "receipt",
            Self::RemovedLog => "removed_log",
        }
    }
}

/// What a test asked for, read once.
struct Plan {
    crash: Option<String>,
    hold: Option<String>,
}

/// Ends the process here, without any clean-up, if a test asked for it.
pub(crate) fn point(point: Point) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let plan = PLAN.get_or_init(|| Plan {
        crash: env::var("HALORACLE_CRASH_AT").ok(),
        hold: env::var("HALORACLE_HOLD_AT").ok(),
    });
    if plan.crash.as_deref() == Some(point.name()) {
        process::abort();
    }
    if plan.hold.as_deref() == Some(point.name()) {
        tracing::warn!(point = point.name(), "held for a test");
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    }
}
