//! The contract's constants of Poseidon are the circuits'.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use haloracle_circuit::field::to_word;
use haloracle_circuit::poseidon::parameters;

#[test]
fn the_contract_has_the_constants_of_the_circuits() {
    let path = "../../contracts/libraries/PoseidonConstants.sol";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let source = std::fs::read_to_string(path).unwrap();
    let literals = source.split("hex\"").skip(1);
    let written: String = literals
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let parameters = parameters();
    let words = parameters.constants.iter().flatten();
    let words = words.chain(parameters.matrix.iter().flatten());
    let expected: String = words
        .flat_map(to_word)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(written, expected);
}
