//! Replays the committed corpus and the seeds: whatever once crashed a parser stays fixed, and no
//! target has become one that refuses everything.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use haloracle_fuzz::Target;

#[test]
fn every_target_bears_its_corpus_and_accepts_some_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in Target::ALL {
        let folder = root.join(target.name());
        let files = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{}", folder.display()));
        let mut inputs: Vec<Vec<u8>> = files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(!inputs.is_empty(), "{target:?} has no corpus");
        inputs.extend(target.seeds());
        let accepted = inputs.iter().filter(|input| target.run(input)).count();
        println!("{target:?}: {accepted} of {} accepted", inputs.len());
        assert!(accepted > 0, "{target:?} accepts nothing");
        assert!(accepted < inputs.len(), "{target:?} refuses nothing");
        assert!(!target.run(b""), "{target:?} accepts nothing at all");
    }
}

#[test]
fn names_of_targets_are_unique() {
    for target in Target::ALL {
        assert_eq!(Target::of(target.name()), Some(target));
    }
    assert_eq!(Target::of("unheard-of"), None);
}
