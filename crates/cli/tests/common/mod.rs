//! The real binary, run in a folder of its own.

#![allow(dead_code, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// Root of the checkout.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("a root")
        .to_path_buf()
}

/// A file of the checkout.
pub(crate) fn repo(inside: &str) -> String {
    repository().join(inside).display().to_string()
}

/// How a run of the binary ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The report of a run with `--json` that ended with exit code `code`.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(
            self.stdout.lines().count(),
            1,
            "one object on one line: {self:#?}"
        );
        serde_json::from_str(&self.stdout).expect("JSON")
    }

    /// Checks an error: exit code 2, nothing on standard output, a message that says it all.
    #[track_caller]
    pub(crate) fn is_error(&self, fragments: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        assert!(self.stderr.starts_with("error: "), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        assert!(!self.stderr.contains("bug in haloracle"), "{self:#?}");
        for fragment in fragments {
            assert!(
                self.stderr.contains(fragment),
                "`{fragment}` is missing: {self:#?}"
            );
        }
    }
}

/// Runs the binary in `dir`.
pub(crate) fn run_in(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("haloracle"));
    for name in ["RPC_URL", "HUB", "KEYSTORE", "PASSWORD", "PASSWORD_FILE"] {
        command.env_remove(format!("HALORACLE_{name}"));
    }
    command
        .args(arguments)
        .current_dir(dir)
        .envs(environment.iter().copied());
    let output = command.output().expect("the binary runs");
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Runs the binary in `dir` with nothing in the environment.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Run {
    run_in(dir, arguments, &[])
}

/// An empty folder.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Names of everything in `dir`, hidden files too.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    names
}

/// Copies a bundle.
pub(crate) fn copy_bundle(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for name in listing(from) {
        fs::copy(from.join(&name), to.join(&name)).expect("copied");
    }
}

/// Flips a bit in the middle of a file.
pub(crate) fn corrupt(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).expect("written");
}

/// Bundles with keys, made once per test program: `dev.srs`, `mlp_small`, `logreg`.
pub(crate) fn bundles() -> &'static Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = scratch();
        run(
            dir.path(),
            &[
                "srs", "new", "--k", "12", "--unsafe", "--dev", "-o", "dev.srs", "--json",
            ],
        )
        .json(0);
        for name in ["mlp_small", "logreg"] {
            compile(dir.path(), name, name).json(0);
            run(dir.path(), &["setup", name, "--srs", "dev.srs", "--json"]).json(0);
        }
        dir
    });
    dir.path()
}

/// Compiles a breast cancer model into `bundle`, under `dir`.
pub(crate) fn compile(dir: &Path, model: &str, bundle: &str) -> Run {
    let (onnx, data) = (onnx(model), golden(model));
    run(
        dir,
        &[
            "compile",
            &onnx,
            "--calibration",
            &data,
            "-o",
            bundle,
            "--json",
        ],
    )
}

/// The ONNX file of a breast cancer model.
pub(crate) fn onnx(model: &str) -> String {
    repo(&format!("models/breast_cancer/{model}.onnx"))
}

/// Its golden rows, with onnxruntime's outputs.
pub(crate) fn golden(model: &str) -> String {
    repo(&format!("models/breast_cancer/{model}.npz"))
}
