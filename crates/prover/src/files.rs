//! Files: atomic writes, hashing, errors that name the path.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha3::{Digest, Keccak256};

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} `{}`: {source}", .path.display())]
pub struct FileError {
    /// `read` or `write`.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub source: io::Error,
}

/// keccak-256.
pub fn keccak(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// Reads a whole file.
///
/// # Errors
/// Names the path.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

/// Writes a file such that a crash leaves the old content or the new, never a part: a
/// temporary file beside it is synced, then renamed.
///
/// # Errors
/// Names the path.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            // Another user's agent may read what this user compiled; the umask still applies.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o644));
        }
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| FileError {
        action: "write",
        path: path.to_owned(),
        source,
    })
}
