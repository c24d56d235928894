//! The Poseidon transcript of `haloracle_prover::poseidon`, in the circuit.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use haloracle_circuit::poseidon::{RATE, WIDTH};
use haloracle_prover::poseidon::{Purpose, capacity};

use crate::rows::{Builder, Cell};

/// A sponge that squeezes challenges.
#[derive(Clone, Debug)]
pub(crate) struct Transcript {
    state: [Cell; WIDTH],
    buffer: Vec<Cell>,
}

impl Transcript {
    pub(crate) fn new(builder: &mut Builder, purpose: Purpose) -> Self {
        let zero = builder.constant(Fr::ZERO);
        let first = builder.constant(capacity(purpose, 0));
        Self {
            state: [first, zero, zero],
            buffer: Vec::new(),
        }
    }

    pub(crate) fn absorb(&mut self, elements: &[Cell]) {
        self.buffer.extend_from_slice(elements);
    }

    pub(crate) fn squeeze(&mut self, builder: &mut Builder) -> Cell {
        self.buffer.push(builder.constant(Fr::ONE));
        if !self.buffer.len().is_multiple_of(RATE) {
            self.buffer.push(builder.constant(Fr::ZERO));
        }
        let elements = std::mem::take(&mut self.buffer);
        self.state = builder.absorb(self.state, &elements);
        self.state[1]
    }
}
