//! Names of commands are promises.

mod common;

use common::{run, scratch};

#[test]
fn every_command_explains_itself() {
    let dir = scratch();
    for command in [
        "srs",
        "compile",
        "infer",
        "setup",
        "prove",
        "verify",
        "solidity",
        "deploy",
        "register",
        "request",
        "status",
        "withdraw",
        "model-verify",
        "agent",
        "devnet",
        "inspect",
        "ops",
        "bench",
        "demo",
    ] {
        let run = run(dir.path(), &[command, "--help"]);
        assert_eq!(run.code, Some(0), "{command}");
        assert!(run.stdout.contains("Usage: haloracle"), "{command}");
    }
    for nested in [
        "srs new",
        "srs verify",
        "srs import",
        "agent run",
        "agent check",
        "agent replay",
        "model verify",
    ] {
        let words: Vec<&str> = nested.split(' ').chain(["--help"]).collect();
        assert_eq!(run(dir.path(), &words).code, Some(0), "{nested}");
    }
    assert_eq!(run(dir.path(), &["unheard-of"]).code, Some(2));
    assert_eq!(run(dir.path(), &[]).code, Some(2));
}
