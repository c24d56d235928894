//! Bundles. The first byte chooses a file of a valid bundle with keys, and the bundle's shape. The
//! text of JSON files is the rest of the input; binary files take edits. The manifest is made to
//! fit; where it is itself the file, its own hash is.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use haloracle_prover::{Bundle, BundleError, files::keccak, manifest::seal};
use serde_json::Value;

use crate::base::{Base, FILES, base};
use crate::edit::edit;

/// The chosen file's name and the bundle.
fn choose(choice: u8) -> (&'static str, &'static Base) {
    let files = FILES.len() as u8;
    (FILES[usize::from(choice % files)], base(choice / files))
}

/// Whether the file that `input` chooses is given as text.
pub(crate) fn is_text(input: &[u8]) -> bool {
    let choice = input
        .first()
        .map(|choice| usize::from(*choice) % FILES.len());
    choice.is_some_and(|choice| FILES[choice].ends_with(".json"))
}

/// The manifest for a bundle whose file `name` holds `content`.
fn manifest(base: &Base, name: &str, content: &[u8]) -> Vec<u8> {
    let mut manifest: Value =
        serde_json::from_slice(&base.files["manifest.json"]).expect("the manifest is JSON");
    manifest["files"][name] = format!("0x{}", hex::encode(keccak(content))).into();
    seal(manifest.to_string().as_bytes()).expect("it is a manifest")
}

pub(crate) fn run(input: &[u8]) -> bool {
    /// There is one folder for each bundle.
    static FOLDERS: Mutex<()> = Mutex::new(());

    let Some((&choice, rest)) = input.split_first() else {
        return false;
    };
    let (name, base) = choose(choice);
    let content = if is_text(input) {
        rest.to_vec()
    } else {
        edit(&base.files[name], rest)
    };
    let write = |name: &str, content: &[u8]| {
        fs::write(base.dir.join(name), content).expect("the bundle can be written");
    };
    // A panic of another thread says nothing about the files: they are written now.
    let folders = FOLDERS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if name == "manifest.json" {
        // Its own hash made to fit, or nothing behind that check would ever be reached.
        write(name, &seal(&content).unwrap_or(content.clone()));
    } else {
        write(name, &content);
        write("manifest.json", &manifest(base, name, &content));
    }
    let opened = open(&base.dir);
    for name in [name, "manifest.json"] {
        write(name, &base.files[name]);
    }
    drop(folders);
    match opened {
        Ok(()) => {
            // Model and key determine each other and are known to the registry by their hashes.
            let pinned = ["model.json", "vk.bin"].contains(&name);
            let same = content == base.files[name];
            assert!(same || !pinned, "another {name} is accepted");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// Everything that is read of a bundle.
fn open(dir: &Path) -> Result<(), BundleError> {
    let bundle = Bundle::open(dir)?;
    bundle.onchain()?;
    bundle.keys()?;
    bundle.check_key()?;
    Ok(())
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for choice in 0..2 * FILES.len() as u8 {
        let (name, base) = choose(choice);
        if is_text(&[choice]) {
            seeds.push([&[choice], base.files[name].as_slice()].concat());
        } else {
            seeds.push(vec![choice]);
            seeds.push(vec![choice, 0, 20, 0, 1, 1]);
            seeds.push(vec![choice, 2, 100, 0]);
            seeds.push(vec![choice, 3, 64, 0, 128, 0, 64]);
        }
    }
    seeds
}
