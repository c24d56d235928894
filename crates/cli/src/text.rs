//! Text forms of bytes, numbers and paths.

use std::path::Path;
use std::time::Duration;

use eyre::{WrapErr, ensure, eyre};

/// 0x-prefixed hexadecimal.
pub(crate) fn hexed(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Bytes from hexadecimal, with or without 0x.
pub(crate) fn unhex(text: &str) -> eyre::Result<Vec<u8>> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).map_err(|error| eyre!("`{text}` is not hexadecimal: {error}"))
}

/// 32 bytes from hexadecimal; an argument parser.
pub(crate) fn word(text: &str) -> Result<[u8; 32], String> {
    let bytes = unhex(text).map_err(|error| error.to_string())?;
    let got = bytes.len();
    let word = bytes.try_into();
    word.map_err(|_| format!("{got} bytes instead of 32 (64 hexadecimal digits)"))
}

/// Reads a text or binary file, naming it in the error.
pub(crate) fn read(path: &Path) -> eyre::Result<Vec<u8>> {
    std::fs::read(path).wrap_err_with(|| format!("could not read `{}`", path.display()))
}

/// Writes a file whole or not at all, making its folder.
pub(crate) fn write(path: &Path, content: &[u8]) -> eyre::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .wrap_err_with(|| format!("could not create `{}`", folder.display()))?;
    }
    haloracle_prover::files::write_atomic(path, content)?;
    Ok(())
}

/// Refuses to go on where `path` exists.
pub(crate) fn must_not_exist(path: &Path) -> eyre::Result<()> {
    ensure!(
        !path.exists(),
        "`{}` exists already; remove it or choose another place",
        path.display()
    );
    Ok(())
}

/// Seconds with milliseconds.
pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

/// A fixed-point integer in its units, exactly: 1234 with 2 decimals is 12.34.
pub(crate) fn units(fixed: i64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let sign = if fixed < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", fixed.unsigned_abs(), width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    if part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part}")
    }
}

/// Largest memory this process has held so far, in KiB; known on Linux.
pub(crate) fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_exact() {
        assert_eq!(units(1234, 2), "12.34");
        assert_eq!(units(-5, 2), "-0.05");
        assert_eq!(units(7, 0), "7");
        assert_eq!(units(i64::MIN, 18), "-9.223372036854775808");
    }

    #[test]
    fn words_have_32_bytes() {
        assert_eq!(word(&"ab".repeat(32)), Ok([0xab; 32]));
        assert!(word("0x12").is_err());
        assert!(word(&"zz".repeat(32)).is_err());
    }
}
