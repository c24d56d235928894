//! Bundles and SRS files on disk.
#![allow(clippy::unwrap_used)]

use std::fs;

use haloracle_model::{Dense, Feature, InputSchema, IntegerModel, OutputField};
use haloracle_prover::{Bundle, BundleError, BundleParts, Srs, SrsError};

fn model() -> IntegerModel {
    haloracle_model::ChainModel {
        name: "tiny".into(),
        digit_bits: 4,
        input: InputSchema {
            digits: 2,
            features: vec![Feature {
                name: "a".into(),
                decimals: 0,
                lo: 0,
                hi: 200,
            }],
        },
        layers: vec![Dense {
            name: "l".into(),
            weights: vec![vec![1, 16]],
            bias: vec![8],
            table: None,
        }],
        output: vec![OutputField {
            name: "y".into(),
            wire: 0,
            digits: 1,
            zero_point: 0,
            multiplier: 16,
            decimals: 0,
        }],
    }
    .build()
}

fn parts(model: &IntegerModel) -> BundleParts<'_> {
    BundleParts {
        model,
        shape: None,
        onnx: b"onnx",
        report_json: b"{}",
        report_html: b"<html></html>",
    }
}

#[test]
fn a_bundle_survives_the_disk_and_notices_every_damaged_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tiny");
    let model = model();
    let mut bundle = Bundle::create(&dir, parts(&model)).unwrap();
    assert!(matches!(bundle.keys(), Err(BundleError::NoKeys(_))));
    assert!(matches!(
        Bundle::create(&dir, parts(&model)),
        Err(BundleError::Exists(_))
    ));

    let srs = Srs::unsafe_setup(bundle.program().k() + 1, [2; 32]).unwrap();
    let made = bundle.setup(&srs).unwrap();
    let opened = Bundle::open(&dir).unwrap();
    let keys = opened.keys().unwrap();
    assert_eq!(keys.verifying_key(), made.verifying_key());
    let proof = keys.prove(&[123], &[4; 32]).unwrap();
    made.verify(&proof).unwrap();
    assert_eq!(opened.onchain().unwrap().instances, proof.instances.len());

    for file in fs::read_dir(&dir).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let intact = fs::read(&path).unwrap();
        let flip = |at: usize| {
            let mut bytes = intact.clone();
            bytes[at] ^= 1;
            bytes
        };
        let cut = intact[..intact.len() / 2].to_vec();
        for damaged in [
            cut,
            flip(intact.len() - 1),
            flip(intact.len() / 2),
            Vec::new(),
        ] {
            fs::write(&path, damaged).unwrap();
            let refused = Bundle::open(&dir).and_then(|bundle| {
                bundle.onchain()?;
                bundle.keys()
            });
            let error = refused.expect_err(&name).to_string();
            assert!(error.contains("tiny"), "{name}: {error}");
        }
        fs::write(&path, intact).unwrap();
    }
    Bundle::open(&dir).unwrap().keys().unwrap();
}

#[test]
fn a_small_srs_is_named_and_leaves_the_bundle_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tiny");
    let mut bundle = Bundle::create(&dir, parts(&model())).unwrap();
    let srs = Srs::unsafe_setup(bundle.program().k() - 1, [2; 32]).unwrap();
    let error = bundle.setup(&srs).unwrap_err().to_string();
    assert!(error.contains("2^"), "{error}");
    assert!(!Bundle::open(&dir).unwrap().has_keys());
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 5);
}

#[test]
fn srs_files_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("srs");
    let srs = Srs::unsafe_setup(4, [9; 32]).unwrap();
    srs.write(&path).unwrap();
    let back = Srs::read(&path).unwrap();
    back.check().unwrap();
    assert!(back.is_unsafe());
    assert_eq!(back.to_bytes(), srs.to_bytes());
    assert_eq!(back.truncate(3).unwrap().hash(), srs.hash());
    back.truncate(3).unwrap().check().unwrap();
    assert!(matches!(
        back.truncate(5),
        Err(SrsError::TooSmall {
            needed: 5,
            available: 4
        })
    ));

    // Every point is on its curve and in its group, or the file is refused.
    let bytes = srs.to_bytes();
    for at in (0..bytes.len()).step_by(31) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        // The unsafe flag is information, not a check.
        assert!(at == 8 || Srs::from_bytes(&other).is_err(), "byte {at}");
    }
    for length in 0..bytes.len().min(200) {
        assert!(Srs::from_bytes(&bytes[..length]).is_err());
    }

    // Valid points that are not the powers of one secret pass the parser, not the check.
    let other = Srs::unsafe_setup(4, [10; 32]).unwrap().to_bytes();
    let point = 13 + 5 * 64..13 + 6 * 64;
    let lagrange = 13 + (16 + 5) * 64..13 + (16 + 6) * 64;
    let tail = bytes.len() - 128..bytes.len();
    for range in [point, lagrange, tail] {
        let mut mixed = bytes.clone();
        mixed[range.clone()].copy_from_slice(&other[range]);
        let mixed = Srs::from_bytes(&mixed).unwrap();
        assert!(matches!(mixed.check(), Err(SrsError::Inconsistent { .. })));
    }
}

/// Writes a file into a bundle and makes the manifest agree, as somebody who means harm would.
fn replace(dir: &std::path::Path, name: &str, bytes: &[u8]) {
    fs::write(dir.join(name), bytes).unwrap();
    let path = dir.join("manifest.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let hash = format!("0x{}", hex::encode(haloracle_prover::files::keccak(bytes)));
    manifest["files"][name] = hash.into();
    let sealed = haloracle_prover::manifest::seal(manifest.to_string().as_bytes()).unwrap();
    fs::write(path, sealed).unwrap();
}

#[test]
fn no_byte_of_the_manifest_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tiny");
    Bundle::create(&dir, parts(&model())).unwrap();
    let path = dir.join("manifest.json");
    let intact = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        let error = Bundle::open(&dir).expect_err(what).to_string();
        assert!(error.contains("tiny"), "{what}: {error}");
    };
    for at in 0..intact.len() {
        for bit in 0..8 {
            let mut changed = intact.clone();
            changed[at] ^= 1 << bit;
            refused(&changed, &format!("bit {bit} of byte {at}"));
        }
    }
    // The same JSON in other bytes, an entry left out, and a manifest without a hash.
    let text = String::from_utf8(intact.clone()).unwrap();
    refused(text.replace(": ", " : ").as_bytes(), "spaces");
    refused(text.trim_end().as_bytes(), "no line end");
    refused(text.to_uppercase().as_bytes(), "capitals");
    let entry = text.lines().find(|line| line.contains("layout.json"));
    let without = text.replace(&format!("{}\n", entry.unwrap()), "");
    assert!(serde_json::from_str::<serde_json::Value>(&without).is_ok());
    refused(without.as_bytes(), "an entry fewer");
    let own = text.lines().find(|line| line.contains("\"hash\""));
    let without = text.replace(&format!("{}\n", own.unwrap()), "");
    refused(without.as_bytes(), "no hash");
    let older = text.replace("bundle-v2", "bundle-v1");
    fs::write(&path, older).unwrap();
    let error = Bundle::open(&dir).unwrap_err().to_string();
    assert!(error.contains("haloracle-bundle-v1"), "{error}");

    fs::write(&path, intact).unwrap();
    Bundle::open(&dir).unwrap();
}

#[test]
fn keys_of_another_model_are_found_although_every_hash_fits() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tiny");
    let mut bundle = Bundle::create(&dir, parts(&model())).unwrap();
    let srs = Srs::unsafe_setup(bundle.program().k(), [2; 32]).unwrap();
    let keys = bundle.setup(&srs).unwrap();
    assert_eq!(&bundle.check_key().unwrap(), keys.verifying_key());

    let mut other = model();
    other.dense_mut(0).unwrap().0[0][1] = 15;
    replace(&dir, "model.json", &serde_json::to_vec(&other).unwrap());
    let swapped = Bundle::open(&dir).unwrap();
    let error = swapped.check_key().unwrap_err().to_string();
    assert!(error.contains("vk.bin"), "{error}");
    // The operator's proof of the swapped model does not pass its own check either.
    assert!(swapped.keys().unwrap().prove(&[100], &[1; 32]).is_err());

    replace(&dir, "model.json", &serde_json::to_vec(&model()).unwrap());
    let mut onchain: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("onchain.json")).unwrap()).unwrap();
    onchain["features"][0]["hi"] = 201.into();
    replace(&dir, "onchain.json", onchain.to_string().as_bytes());
    let error = Bundle::open(&dir)
        .unwrap()
        .check_key()
        .unwrap_err()
        .to_string();
    assert!(error.contains("onchain.json"), "{error}");
}

#[test]
fn a_given_salt_makes_the_same_commitment_and_a_drawn_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let private = model().with_private_weights().unwrap();
    let salted = |name: &str, salt: &[u8; 32]| {
        Bundle::create_salted(&folder.path().join(name), parts(&private), salt)
    };
    let bundles = ["one", "two"].map(|name| salted(name, &[1; 32]).unwrap());
    let [one, two] = bundles.map(|bundle| bundle.model_commitment().unwrap());
    assert_eq!(one, two);
    let drawn = Bundle::create(&folder.path().join("three"), parts(&private)).unwrap();
    assert_ne!(drawn.model_commitment().unwrap(), one);
    let other = salted("four", &[0xff; 32]);
    assert!(matches!(other, Err(BundleError::Salt)));
    assert!(!folder.path().join("four").exists());
}

#[cfg(unix)]
#[test]
fn bundle_files_can_be_read_by_the_user_who_runs_the_agent() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("tiny");
    Bundle::create(&dir, parts(&model())).unwrap();
    let mode = fs::metadata(dir.join("model.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o044, 0o044);
}
