//! Proofs of several answers, and the bundles that hold their keys.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use haloracle_circuit::wide::Salts;
use haloracle_circuit::{Filled, Item};
use haloracle_model::{ChainModel, Dense, Feature, InputSchema, IntegerModel, OutputField};
use haloracle_prover::{
    Bundle, BundleError, BundleParts, Keys, ProveError, Shape, Srs, VerifyError, compile,
    compile_batch, verify,
};

const TAG: [u8; 32] = [7; 32];

/// Two layers; `last` is the last unit's bias.
fn model(last: i64) -> IntegerModel {
    let feature = |name: &str| Feature {
        name: name.into(),
        decimals: 1,
        lo: -100,
        hi: 100,
    };
    let dense = |name: &str, weights: Vec<Vec<i64>>, bias| Dense {
        name: name.into(),
        weights,
        bias,
        table: None,
    };
    ChainModel {
        name: "small".into(),
        digit_bits: 4,
        input: InputSchema {
            digits: 2,
            features: vec![feature("a"), feature("b")],
        },
        layers: vec![
            dense(
                "hidden",
                vec![vec![1, 16, -1, -10], vec![0, 7, 3, 2], vec![-1, -5, 1, 16]],
                vec![8, -90, 8],
            ),
            dense(
                "score",
                vec![vec![5, -3, 4], vec![9, 2, -1]],
                vec![40, last],
            ),
        ],
        output: ["y", "z"]
            .map(|name| OutputField {
                name: name.into(),
                wire: 0,
                digits: 1,
                zero_point: 0,
                multiplier: 1,
                decimals: 1,
            })
            .to_vec(),
    }
    .build()
}

fn rows(count: i64) -> Vec<Vec<i64>> {
    (0..count)
        .map(|row| vec![row * 17 - 60, 80 - row * 23])
        .collect()
}

fn srs() -> Srs {
    Srs::unsafe_setup(11, [1; 32]).unwrap()
}

fn keys(model: &IntegerModel, items: usize, shape: Shape) -> Keys {
    let program = compile_batch(model, items, shape).unwrap();
    Keys::generate_for(Arc::new(model.clone()), program, &srs()).unwrap()
}

#[test]
fn a_batch_is_proved_and_says_what_every_run_alone_says() {
    let model = model(3);
    for shape in Shape::ALL {
        let keys = keys(&model, 4, shape);
        for count in 1..=4 {
            let rows = rows(count);
            let proof = keys.prove_batch(&rows, &[], &TAG).unwrap();
            verify(&srs(), keys.verifying_key(), &proof).unwrap();
            let per_item = model.input_words() + model.output_words();
            let items: Vec<_> = proof.instances[2..].chunks(per_item).collect();
            assert_eq!(items.len(), 4);
            for (index, words) in items.into_iter().enumerate() {
                // The last row fills the batch up.
                let raw = &rows[index.min(rows.len() - 1)];
                let run = model.run(raw).unwrap();
                let (input, output) = words.split_at(model.input_words());
                assert_eq!(model.unpack_input(input).unwrap(), *raw);
                let answer = model.unpack_output(output).unwrap();
                assert_eq!(answer, (0, run.outputs().to_vec()));
            }
        }
    }
}

#[test]
fn private_batches_are_proved() {
    let model = model(3)
        .with_private_inputs()
        .with_private_weights()
        .unwrap();
    let keys = keys(&model, 3, Shape::Wide);
    let rows = rows(2);
    let salts = [[1; 32], [2; 32]];
    let proof = keys.prove_batch(&rows, &salts, &TAG).unwrap();
    verify(&srs(), keys.verifying_key(), &proof).unwrap();
    let program = compile(&model, Some(Shape::Wide)).unwrap();
    let single = Keys::generate_for(Arc::new(model.clone()), program, &srs()).unwrap();
    let per_item = 1 + model.output_words();
    for (index, item) in proof.instances[3..].chunks(per_item).enumerate() {
        let at = index.min(1);
        let alone = single.prove_private(&rows[at], &salts[at], &TAG).unwrap();
        assert_eq!(alone.instances[2], proof.instances[2], "weights");
        assert_eq!(&alone.instances[3..], item);
    }
    let few = keys.prove_batch(&rows, &salts[..1], &TAG).unwrap_err();
    assert!(
        few.to_string().contains("1 salts for 2 private inputs"),
        "{few}"
    );
}

#[test]
fn nothing_of_a_batch_s_words_may_change() {
    let model = model(3);
    for shape in Shape::ALL {
        let keys = keys(&model, 3, shape);
        let honest = keys.prove_batch(&rows(2), &[], &TAG).unwrap();
        let per_item = model.input_words() + model.output_words();
        let item = |index: usize| 2 + index * per_item..2 + (index + 1) * per_item;
        let mut exchanged = honest.clone();
        exchanged.instances[item(0)].clone_from_slice(&honest.instances[item(1)]);
        exchanged.instances[item(1)].clone_from_slice(&honest.instances[item(0)]);
        let mut padding = honest.clone();
        padding.instances[item(2)].clone_from_slice(&honest.instances[item(0)]);
        let mut outputs = honest.clone();
        let ends = [0, 1].map(|index| item(index).end - 1);
        outputs.instances.swap(ends[0], ends[1]);
        let mut changes = vec![exchanged, padding, outputs];
        for index in 0..honest.instances.len() {
            let mut other = honest.clone();
            other.instances[index][31] ^= 1;
            changes.push(other);
        }
        for forged in changes {
            assert_ne!(forged, honest);
            let refused = verify(&srs(), keys.verifying_key(), &forged);
            assert_eq!(refused, Err(VerifyError::Invalid));
        }
    }
}

#[test]
fn errors_of_two_items_do_not_cancel() {
    let model = model(3);
    for shape in Shape::ALL {
        let keys = keys(&model, 2, shape);
        let rows = rows(2);
        let items: Vec<Item<'_>> = rows
            .iter()
            .map(|raw| Item {
                raw,
                salt: Salts::NONE.input,
            })
            .collect();
        let program = keys.program();
        let honest = program.witness_batch(&model, &items, Salts::NONE.model, &TAG);
        let mut filled = honest.unwrap();
        let max = (1 << model.digit_bits) - 1;
        let (one, other) = match &mut filled {
            Filled::Narrow(witness) => {
                let program = program.narrow().unwrap();
                let row = |item| program.unit_rows[program.piece(item, 1)][0];
                let rows = [row(0), row(1)];
                let [a, b] = witness.r.get_disjoint_mut(rows).unwrap();
                (a, b)
            }
            Filled::Wide(witness) => {
                let program = program.wide().unwrap();
                let batch = haloracle_model::Batch::new(&model, 2).unwrap();
                let wire = model.first_wires()[1] as u32;
                let cells = [0, 1].map(|item| program.homes[batch.wire(item, wire) as usize]);
                assert_ne!(cells[0].row, cells[1].row);
                let rows = cells.map(|cell| cell.row as usize);
                let [a, b] = witness.r.get_disjoint_mut(rows).unwrap();
                let lanes = cells.map(|cell| usize::from(cell.lane));
                (&mut a[lanes[0]], &mut b[lanes[1]])
            }
        };
        // Whichever way the digits allow.
        if *one < max && *other > 0 {
            (*one, *other) = (*one + 1, *other - 1);
        } else {
            assert!(*one > 0 && *other < max, "choose other rows");
            (*one, *other) = (*one - 1, *other + 1);
        }
        let proof = keys.prove_witness(filled).unwrap();
        assert_eq!(keys.verify(&proof), Err(VerifyError::Invalid));
    }
}

#[test]
fn proofs_are_about_as_many_items_as_their_keys() {
    let (one, other) = (model(3), model(4));
    for shape in Shape::ALL {
        let two = keys(&one, 2, shape);
        let three = keys(&one, 3, shape);
        let single = keys(&one, 1, shape);
        let answer = single.prove(&rows(1)[0], &TAG).unwrap();
        let batch = two.prove_batch(&rows(1), &[], &TAG).unwrap();
        for (keys, proof) in [(&two, &answer), (&single, &batch), (&three, &batch)] {
            let error = keys.verify(proof).unwrap_err();
            assert!(
                matches!(error, VerifyError::InstanceCount { .. }),
                "{error}"
            );
        }
        // With instances that fit the key, the key's digest in the transcript decides.
        let mut doubled = answer.clone();
        doubled.instances.extend_from_slice(&answer.instances[2..]);
        assert_eq!(doubled.instances, batch.instances);
        assert_eq!(two.verify(&doubled), Err(VerifyError::Invalid));
        let mut halved = batch.clone();
        halved.instances.truncate(answer.instances.len());
        assert_eq!(single.verify(&halved), Err(VerifyError::Invalid));
        let mut longer = batch.clone();
        longer.instances.extend_from_slice(&answer.instances[2..]);
        assert_eq!(three.verify(&longer), Err(VerifyError::Invalid));
        let another = keys(&other, 2, shape);
        assert_eq!(another.verify(&batch), Err(VerifyError::Invalid));
        // And the keys prove no other number.
        let error = single.prove_batch(&rows(2), &[], &TAG).unwrap_err();
        assert!(
            matches!(error, ProveError::Items { most: 1, got: 2 }),
            "{error}"
        );
        let error = two.prove_batch(&[], &[], &TAG).unwrap_err();
        assert!(
            matches!(error, ProveError::Items { most: 2, got: 0 }),
            "{error}"
        );
        assert_ne!(two.verifying_key().hash(), three.verifying_key().hash());
    }
}

fn create(dir: &Path, model: &IntegerModel, batches: &[usize]) -> Result<Bundle, BundleError> {
    let parts = BundleParts {
        model,
        shape: None,
        onnx: b"onnx",
        report_json: b"{}",
        report_html: b"<html></html>",
    };
    let program = compile(model, None).unwrap();
    let batches: Vec<_> = batches
        .iter()
        .map(|items| compile_batch(model, *items, program.shape()).unwrap())
        .collect();
    Bundle::create_batched(dir, parts, program, &batches)
}

#[test]
fn a_bundle_holds_a_key_per_batch_and_notices_damage_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("small");
    let model = model(3);
    let mut bundle = create(&dir, &model, &[5, 2]).unwrap();
    assert_eq!(bundle.batches(), [2, 5]);
    assert_eq!(bundle.batch_for(2), Some(2));
    assert_eq!(bundle.batch_for(3), Some(5));
    assert_eq!(bundle.batch_for(6), None);
    assert!(matches!(bundle.batch_keys(5), Err(BundleError::NoKeys(_))));
    bundle.setup(&srs()).unwrap();
    assert!(bundle.has_keys());

    let opened = Bundle::open(&dir).unwrap();
    let onchain = opened.onchain().unwrap();
    opened.check_key().unwrap();
    for (items, described) in [2, 5].into_iter().zip(&onchain.batches) {
        let keys = opened.batch_keys(items).unwrap();
        let key = opened.check_batch_key(items).unwrap();
        assert_eq!(keys.verifying_key(), &key);
        assert_eq!(described.items, items);
        assert_eq!(described.vk_hash, format!("0x{}", hex::encode(key.hash())));
        assert_eq!(described.instances, key.instances());
        assert!(key.k() <= opened.largest_k().unwrap());
        let proof = keys.prove_batch(&rows(2), &[], &TAG).unwrap();
        verify(&srs(), &key, &proof).unwrap();
    }
    let error = opened.batch_keys(3).unwrap_err().to_string();
    assert!(
        error.contains("no circuit for batches of 3: there are 2, 5"),
        "{error}"
    );

    for name in ["vk.bin", "srs.bin", "layout.json"] {
        let path = dir.join("batches/5").join(name);
        let intact = fs::read(&path).unwrap();
        let mut flipped = intact.clone();
        flipped[intact.len() / 2] ^= 1;
        for damaged in [flipped, intact[1..].to_vec()] {
            fs::write(&path, damaged).unwrap();
            let refused = Bundle::open(&dir).and_then(|bundle| bundle.batch_keys(5));
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(&format!("batches/5/{name}")), "{error}");
        }
        fs::write(&path, intact).unwrap();
    }
    // The key of another batch under the right name, hashes made anew.
    let key = fs::read(dir.join("batches/2/vk.bin")).unwrap();
    fs::write(dir.join("batches/5/vk.bin"), &key).unwrap();
    let manifest = dir.join("manifest.json");
    let mut json: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let hash = format!("0x{}", hex::encode(haloracle_prover::files::keccak(&key)));
    json["files"]["batches/5/vk.bin"] = hash.into();
    let sealed = haloracle_prover::manifest::seal(json.to_string().as_bytes()).unwrap();
    fs::write(&manifest, sealed).unwrap();
    let opened = Bundle::open(&dir).unwrap();
    for error in [
        opened.batch_keys(5).unwrap_err(),
        opened.check_batch_key(5).unwrap_err(),
        opened.check_key().unwrap_err(),
    ] {
        assert!(matches!(error, BundleError::Damaged { .. }), "{error}");
    }
}

#[test]
fn sizes_of_batches_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(3);
    for (index, batches) in [&[1][..], &[2, 2], &[300]].into_iter().enumerate() {
        let dir = folder.path().join(format!("b{index}"));
        let error = create(&dir, &model, batches).unwrap_err();
        assert!(matches!(error, BundleError::BatchSize(_)), "{error}");
        assert!(!dir.exists());
    }
    // A bundle without batches is as it was before there were any.
    let dir = folder.path().join("plain");
    let bundle = create(&dir, &model, &[]).unwrap();
    assert!(bundle.batches().is_empty());
    let manifest = fs::read_to_string(dir.join("manifest.json")).unwrap();
    assert!(!manifest.contains("batches"), "{manifest}");
    let error = bundle.batch_keys(4).unwrap_err().to_string();
    assert!(error.contains("compile the model with --batch"), "{error}");
}
