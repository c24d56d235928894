//! The coverage-guided driver of `make fuzz`: libFuzzer runs the target that the environment names.
#![no_main]

use std::sync::LazyLock;

use haloracle_fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(Target::from_environment);

libfuzzer_sys::fuzz_target!(
    init: {
        LazyLock::force(&TARGET);
    },
    |input: &[u8]| {
        TARGET.run(input);
    }
);

// Half of the mutations keep the input's structure, if it has one.
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let kept = (seed % 2 == 0)
        .then(|| TARGET.mutate(&data[..size], seed))
        .flatten();
    match kept.filter(|mutant| mutant.len() <= max_size && mutant != &data[..size]) {
        Some(mutant) => {
            data[..mutant.len()].copy_from_slice(&mutant);
            mutant.len()
        }
        None => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
});
