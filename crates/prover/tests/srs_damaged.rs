//! Damaged ceremonies: each damage is refused, in words of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ceremony;

use std::collections::BTreeSet;

use ceremony::{TAU4, ptau, sections, whole};
use haloracle_prover::Srs;

#[test]
fn damaged_ceremonies_are_refused_each_in_its_own_words() {
    let sections = sections(TAU4);
    let [header, g1, g2] = [1, 2, 3].map(|id| sections[&id].clone());
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = TAU4.to_vec();
        change(&mut bytes);
        bytes
    };
    let swap = |bytes: &mut Vec<u8>, a: usize, b: usize| {
        for at in 0..64 {
            bytes.swap(g1.start + 64 * a + at, g1.start + 64 * b + at);
        }
    };
    let of_other_secret = ptau(4, &Srs::unsafe_setup(5, [7; 32]).unwrap());
    let bls = [&32u32.to_le_bytes()[..], &[0xab; 32]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("text", b"not a ceremony".to_vec(), "no file that can be"),
        (
            "magic only",
            TAU4[..8].to_vec(),
            "the number of sections ends",
        ),
        (
            "cut in a head",
            TAU4[..20].to_vec(),
            "a section's head ends",
        ),
        (
            "cut in the header",
            TAU4[..60].to_vec(),
            "section 1 (header) ends",
        ),
        (
            "cut in G1",
            TAU4[..g1.end - 1].to_vec(),
            "section 2 (tau powers in G1) ends",
        ),
        (
            "cut in G2",
            TAU4[..g2.start + 9].to_vec(),
            "section 3 (tau powers in G2) ends",
        ),
        (
            "cut at the end",
            TAU4[..TAU4.len() - 1].to_vec(),
            "not needed ends",
        ),
        ("version", change(&|b| b[4] = 2), "version 2"),
        (
            "no G2",
            change(&|b| b[g2.start - 12] = 99),
            "section 3 (tau powers in G2) is there 0 times",
        ),
        (
            "two headers",
            change(&|b| b[g2.start - 12] = 1),
            "section 1 (header) is there 2 times",
        ),
        (
            "prime",
            change(&|b| b[header.start..][..36].copy_from_slice(&bls)),
            "another curve",
        ),
        (
            "coordinate size",
            change(&|b| b[header.start] = 48),
            "header section",
        ),
        (
            "power",
            change(&|b| b[header.start + 36] = 5),
            "power 5 needs",
        ),
        (
            "no power",
            change(&|b| b[header.start + 36] = 0),
            "power 0 is outside",
        ),
        (
            "huge power",
            change(&|b| b[header.start + 38] = 1),
            "power 65540 is outside",
        ),
        (
            "swapped",
            change(&|b| swap(b, 6, 9)),
            "point 6 is not tau times point 5",
        ),
        (
            "off curve",
            change(&|b| b[g1.start + 64 * 3] ^= 1),
            "G1 point 3 is not a finite point",
        ),
        (
            "infinity",
            change(&|b| b[g1.start + 64 * 5..][..64].fill(0)),
            "G1 point 5 is not a finite",
        ),
        (
            "above the prime",
            change(&|b| b[g1.start + 64 * 2..][..32].fill(255)),
            "G1 point 2 is not",
        ),
        (
            "G2 off curve",
            change(&|b| b[g2.start + 128] ^= 1),
            "G2 point 1 is not a finite point",
        ),
        (
            "generator",
            change(&|b| swap(b, 0, 1)),
            "G1 point 0 is not the curve's standard",
        ),
        (
            "generator of G2",
            change(&|b| {
                let tau = b[g2.start + 128..g2.start + 256].to_vec();
                b[g2.start..][..128].copy_from_slice(&tau);
            }),
            "G2 point 0 is not the curve's standard",
        ),
        (
            "other secret",
            change(&|b| {
                let section = ceremony::sections(&of_other_secret)[&3].clone();
                b[g2.start..][..256].copy_from_slice(&of_other_secret[section][..256]);
            }),
            "different secrets",
        ),
        (
            "no powers",
            change(&|b| {
                let last = b[g1.start + 64 * 15..][..64].to_vec();
                b[g1.start + 64 * 14..][..64].copy_from_slice(&last);
            }),
            "point 14 is not tau times point 13",
        ),
        (
            "no contribution",
            change(&|b| {
                let first = b[g1.start..][..64].to_vec();
                b[g1.clone()]
                    .chunks_mut(64)
                    .for_each(|point| point.copy_from_slice(&first));
                let first = b[g2.start..][..128].to_vec();
                b[g2.clone()]
                    .chunks_mut(128)
                    .for_each(|point| point.copy_from_slice(&first));
            }),
            "nobody has contributed",
        ),
    ];
    let mut messages = BTreeSet::new();
    for (name, bytes, words) in &cases {
        let message = whole(bytes).expect_err(name).to_string();
        assert!(message.contains(words), "{name}: {message}");
        assert!(messages.insert(message), "{name}: not a message of its own");
    }
    // Points beyond the first 2^k are not read and cannot hurt.
    let beyond = change(&|b| b[g1.start + 64 * 16..g1.end].fill(255));
    assert_eq!(whole(&beyond).unwrap().hash(), whole(TAU4).unwrap().hash());
}
