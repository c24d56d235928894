//! The intake of private inputs.

use std::{env, fs, io, net::SocketAddr, path::PathBuf, time::Duration};

use alloy::primitives::{B256, keccak256};
use serde::Deserialize;
use zeroize::Zeroizing;

/// Seconds of an hour.
const HOUR_S: u64 = 3_600;
/// Least number of bytes of a body: one value fits.
const LEAST_BODY: usize = 1_024;
/// Fewest characters of a token: fewer can be guessed.
const LEAST_TOKEN: usize = 16;

/// Where private inputs are handed in, and by whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntakeConfig {
    /// Where `/v1/private-inputs` is served. It speaks plain HTTP: put something that speaks TLS
    /// in front of it.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// File holding the bearer token that whoever hands something in must have.
    pub token_file: Option<PathBuf>,
    /// Environment variable holding it.
    pub token_env: Option<String>,
    /// Take inputs from everybody: a subject's signature is needed all the same.
    #[serde(default)]
    pub public: bool,
    /// File with 32 random bytes in hexadecimal, from which the key is derived that inputs are
    /// encrypted with; from the signer's key if absent.
    pub secret_file: Option<PathBuf>,
    /// Most bytes of a body.
    #[serde(default = "default_body")]
    pub max_body_bytes: usize,
    /// Most bodies looked at at the same time.
    #[serde(default = "default_concurrent")]
    pub max_concurrent: usize,
    /// Most bodies per minute.
    #[serde(default = "default_rate")]
    pub per_minute: u32,
    /// Longest time an input is kept, in hours; less if its request is settled or over before.
    #[serde(default = "default_keep")]
    pub keep_hours: u64,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9465))
}
fn default_body() -> usize {
    256 * 1024
}
fn default_concurrent() -> usize {
    8
}
fn default_rate() -> u32 {
    120
}
fn default_keep() -> u64 {
    24
}

/// Why the intake cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// A file could not be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The environment variable with the token is not set.
    #[error("environment variable `{0}`, which should hold the intake's token, is not set")]
    NoToken(String),
    /// A token that can be guessed, or sent in no header.
    #[error("the intake's token must have at least {LEAST_TOKEN} printable characters, no blanks")]
    BadToken,
    /// The secret file holds something else.
    #[error("`{}` does not hold 32 bytes in hexadecimal", .0.display())]
    BadSecret(PathBuf),
}

impl IntakeConfig {
    /// Values out of range: whether, the key, what is wrong.
    pub(super) fn wrong(&self) -> [(bool, &'static str, &'static str); 5] {
        let sources = [
            self.token_file.is_some(),
            self.token_env.is_some(),
            self.public,
        ];
        let sources = sources.into_iter().filter(|source| *source).count();
        [
            (
                sources != 1,
                "intake",
                "needs one of `token_file`, `token_env` and `public = true`",
            ),
            (
                self.max_body_bytes < LEAST_BODY,
                "intake.max_body_bytes",
                "must be at least 1024",
            ),
            (
                self.max_concurrent == 0 || self.max_concurrent > 1 << 16,
                "intake.max_concurrent",
                "must be between 1 and 65536",
            ),
            (
                self.per_minute == 0,
                "intake.per_minute",
                "must be at least 1",
            ),
            (
                self.keep_hours == 0,
                "intake.keep_hours",
                "must be at least 1",
            ),
        ]
    }

    /// keccak-256 of the token; `None` if everybody may hand in.
    pub(crate) fn token(&self) -> Result<Option<B256>, IntakeError> {
        let token = if let Some(path) = &self.token_file {
            read(path)?
        } else if let Some(variable) = &self.token_env {
            let token = env::var(variable).map_err(|_| IntakeError::NoToken(variable.clone()))?;
            Zeroizing::new(token)
        } else {
            return Ok(None);
        };
        let token = token.trim_end_matches(['\r', '\n']);
        if token.len() < LEAST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IntakeError::BadToken);
        }
        Ok(Some(keccak256(token)))
    }

    /// What the encryption key is derived from, if it is not the signer's key.
    pub(crate) fn secret(&self) -> Result<Option<Zeroizing<[u8; 32]>>, IntakeError> {
        let Some(path) = &self.secret_file else {
            return Ok(None);
        };
        let text = read(path)?;
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut secret = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut *secret)
            .map_err(|_| IntakeError::BadSecret(path.clone()))?;
        Ok(Some(secret))
    }

    /// Longest time an input is kept.
    pub(crate) fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_hours.saturating_mul(HOUR_S))
    }
}

fn read(path: &std::path::Path) -> Result<Zeroizing<String>, IntakeError> {
    let text = fs::read_to_string(path).map_err(|source| IntakeError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> IntakeConfig {
        toml::from_str(text).expect("well-formed")
    }

    fn first_wrong(text: &str) -> Option<&'static str> {
        let wrong = config(text).wrong();
        wrong.into_iter().find(|(wrong, ..)| *wrong).map(|w| w.1)
    }

    #[test]
    fn somebody_must_be_let_in_and_limits_must_leave_room() {
        assert_eq!(first_wrong("public = true"), None);
        assert_eq!(first_wrong("token_env = \"TOKEN\""), None);
        assert_eq!(first_wrong(""), Some("intake"));
        assert_eq!(
            first_wrong("public = true\ntoken_env = \"TOKEN\""),
            Some("intake")
        );
        for (key, value) in [
            ("max_body_bytes", "1023"),
            ("max_concurrent", "0"),
            ("max_concurrent", "65537"),
            ("per_minute", "0"),
            ("keep_hours", "0"),
        ] {
            let wrong = first_wrong(&format!("public = true\n{key} = {value}"));
            assert_eq!(wrong, Some(format!("intake.{key}").as_str()));
        }
    }

    #[test]
    fn tokens_and_secrets_are_read_or_refused_with_a_reason() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("file");
        let with = |text: &str| {
            fs::write(&path, text).expect("written");
            IntakeConfig {
                token_file: Some(path.clone()),
                secret_file: Some(path.clone()),
                ..config("public = true")
            }
        };
        let token = with("sixteen-letters!\n").token().expect("a token");
        assert_eq!(token, Some(keccak256("sixteen-letters!")));
        assert_eq!(config("public = true").token().expect("none"), None);
        for bad in ["", "short", "sixteen letters!", "sixteen-letterß"] {
            assert!(matches!(with(bad).token(), Err(IntakeError::BadToken)));
        }
        let secret = with(&format!("0x{}\n", "a1".repeat(32))).secret();
        let secret = secret.expect("read").expect("a secret");
        assert_eq!(*secret, [0xa1; 32]);
        for bad in ["", "a1", &"zz".repeat(32), &"a1".repeat(33)] {
            let error = with(bad).secret().expect_err("no secret");
            assert!(matches!(error, IntakeError::BadSecret(_)), "{bad}");
        }
        let missing = IntakeConfig {
            token_file: Some(directory.path().join("none")),
            ..config("public = true")
        };
        assert!(matches!(missing.token(), Err(IntakeError::Read { .. })));
        let unset = config("token_env = \"HALORACLE_TEST_UNSET\"");
        assert!(matches!(unset.token(), Err(IntakeError::NoToken(_))));
    }
}
