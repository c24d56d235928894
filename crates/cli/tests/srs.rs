//! Ceremonies at the command line: imported, pinned, used, refused.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use alloy::primitives::U256;
use common::{Run, compile, corrupt, golden, listing, repo, run, scratch};

/// keccak-256 of the fixture's generators and τ G2, and the file's BLAKE2b-512.
const SRS_HASH: &str = "0x40e0539f769aebf94dc0de5afa55bfb793baba6c8dcf48ec8465e4cb00a20294";
const FILE_HASH: &str = "85bd3f98d20a18b998c52031f8dd0ff3abf2ece785da2fcabffaeaa1d2d005c5\
                         e069feb5c2fcadc1d72366b5fecb2d4b9fffb6c2e6b22c3643126c0298ebeefb";

/// A ceremony of power 4 made by snarkjs.
fn tau4() -> String {
    repo("crates/prover/tests/fixtures/tau4.ptau")
}

fn import(dir: &Path, file: &str, more: &[&str]) -> Run {
    let arguments = ["srs", "import", file, "--out", "srs.bin", "--json"];
    run(dir, &[&arguments[..], more].concat())
}

#[test]
fn a_ceremony_is_imported_and_checked() {
    let dir = scratch();
    let report = import(dir.path(), &tau4(), &[]).json(0);
    assert_eq!(report["k"], 4);
    assert_eq!(report["unsafe"], false);
    assert_eq!(report["srs_hash"], SRS_HASH);
    assert_eq!(report["file"], "srs.bin");
    assert!(report["ceremony"].is_null(), "{report}");
    let verified = run(dir.path(), &["srs", "verify", "srs.bin", "--json"]).json(0);
    assert_eq!(verified["valid"], true);
    assert_eq!(verified["srs_hash"], SRS_HASH);
    let facts = run(dir.path(), &["inspect", "srs.bin", "--json"]).json(0);
    assert_eq!(facts["unsafe"], false);
    // Never over a file that is there.
    import(dir.path(), &tau4(), &[]).is_error(&["srs.bin", "exists already"]);

    let text = run(
        dir.path(),
        &["srs", "import", &tau4(), "-o", "small.srs", "--k", "3"],
    );
    assert_eq!(text.code, Some(0), "{text:#?}");
    for part in ["k         3 (8 rows)", SRS_HASH, "powers of one secret"] {
        assert!(text.stdout.contains(part), "{text:#?}");
    }
    assert_eq!(text.stderr, "", "no warning for a ceremony");
}

#[test]
fn pins_hold() {
    for pin in [SRS_HASH, &SRS_HASH[2..], FILE_HASH] {
        let dir = scratch();
        import(dir.path(), &tau4(), &["--hash", pin]).json(0);
    }
    let other = SRS_HASH.replace("40e0", "40e1");
    let other_file = FILE_HASH.replace("85bd", "85be");
    for (pin, words) in [
        (other.as_str(), "another ceremony"),
        (other_file.as_str(), "another file"),
        ("hermez", "another ceremony"),
        ("0x1234", "is no pin"),
    ] {
        let dir = scratch();
        import(dir.path(), &tau4(), &["--hash", pin]).is_error(&["--hash", words]);
        assert!(
            listing(dir.path()).is_empty(),
            "{pin} left something behind"
        );
    }
}

#[test]
fn damaged_files_leave_nothing_behind() {
    let intact = fs::read(tau4()).unwrap();
    // The prime starts at byte 28, the power is at 60, points of G1 start at 80.
    type Damage<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>), &'a str);
    let damage: [Damage<'_>; 6] = [
        ("cut", &|bytes| bytes.truncate(900), "cut short"),
        ("prime", &|bytes| bytes[28] ^= 1, "another curve"),
        ("power", &|bytes| bytes[60] = 9, "power 9 needs"),
        ("off", &|bytes| bytes[80 + 64 * 7] ^= 1, "G1 point 7 is not"),
        (
            "swapped",
            &|bytes| (0..64).for_each(|at| bytes.swap(80 + 64 * 4 + at, 80 + 64 * 5 + at)),
            "point 4 is not tau times point 3",
        ),
        (
            "repeated",
            &|bytes| bytes.copy_within(80 + 64..80 + 64 * 2, 80 + 64 * 9),
            "point 9 is not tau times point 8",
        ),
    ];
    for (name, change, words) in damage {
        let dir = scratch();
        let mut bytes = intact.clone();
        change(&mut bytes);
        let file = format!("{name}.ptau");
        fs::write(dir.path().join(&file), bytes).unwrap();
        import(dir.path(), &file, &[]).is_error(&[&file, words]);
        assert_eq!(listing(dir.path()), [file], "something was left behind");
    }
    let dir = scratch();
    import(dir.path(), "none.ptau", &[]).is_error(&["none.ptau", "No such file"]);
    import(dir.path(), ".", &[]).is_error(&["`.`"]);
    import(dir.path(), &golden("mlp_small"), &[]).is_error(&["known are .ptau files"]);
    import(dir.path(), &tau4(), &["--k", "5"]).is_error(&["2^5", "holds 2^4"]);
    import(dir.path(), &tau4(), &["--k", "0"]).is_error(&["--k"]);
    assert!(listing(dir.path()).is_empty());
}

/// This project's file as raw parameters of halo2: k and every coordinate little-endian, and
/// coordinates times 2^256 modulo the prime.
fn raw_from_own(own: &[u8]) -> Vec<u8> {
    let prime = "21888242871839275222246405745257275088696311157297823662689037894645226208583";
    let prime: U256 = prime.parse().unwrap();
    let factor = U256::MAX.reduce_mod(prime).add_mod(U256::from(1), prime);
    let montgomery = |word: &[u8]| {
        let value = U256::from_be_slice(word).mul_mod(factor, prime);
        value.to_le_bytes::<32>()
    };
    let mut k = own[9..13].to_vec();
    k.reverse();
    let (g1, g2) = own[13..].split_at(own.len() - 13 - 256);
    let words = g1.chunks(32);
    // Imaginary parts come first in ours, last in halo2's.
    let pairs = g2.chunks(64).flat_map(|pair| [&pair[32..], &pair[..32]]);
    let coordinates = words.chain(pairs).flat_map(montgomery);
    k.into_iter().chain(coordinates).collect()
}

#[test]
fn the_development_srs_is_unsafe_in_disguise_too_and_proves() {
    let dir = scratch();
    let new = [
        "srs", "new", "--k", "11", "--unsafe", "--dev", "-o", "dev.srs",
    ];
    assert_eq!(run(dir.path(), &new).code, Some(0));
    let own = fs::read(dir.path().join("dev.srs")).unwrap();
    fs::write(dir.path().join("raw.srs"), raw_from_own(&own)).unwrap();
    let imported = import(dir.path(), "raw.srs", &["--k", "10"]);
    assert_eq!(imported.json(0)["unsafe"], true);
    assert!(imported.stderr.contains("UNSAFE"), "{imported:#?}");

    // What is imported is what setup takes: a proof under it is valid.
    compile(dir.path(), "logreg", "bundle").json(0);
    let data = golden("logreg");
    for arguments in [
        &["setup", "bundle", "--srs", "srs.bin"][..],
        &[
            "prove", "bundle", "--input", &data, "--row", "1", "-o", "p.json",
        ],
        &["verify", "bundle", "p.json"],
    ] {
        let run = run(dir.path(), arguments);
        assert_eq!(run.code, Some(0), "{run:#?}");
    }
    corrupt(&dir.path().join("raw.srs"));
    fs::remove_file(dir.path().join("srs.bin")).unwrap();
    import(dir.path(), "raw.srs", &[]).is_error(&["raw.srs", "point"]);
}
