//! The oracle operator's agent: watcher, jobs, prover workers, transaction outbox, health and metrics.
