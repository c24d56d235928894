//! Straight-line programs over blocks of rows.
//!
//! A graph's nodes become operations on short vectors, each over the same rows of a coset, so
//! that the cost of stepping through the program is spread over a block and its intermediate
//! values stay in the first-level cache.

mod compile;
#[cfg(test)]
mod tests;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;

use super::graph::{Graph, Input, Linear};
use compile::Compiler;

/// Rows that an operation runs over.
const BLOCK: usize = 64;

/// Where an operation finds its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    /// The result of an operation; in a finished program, a slot.
    Value(usize),
    /// Input number and rotation.
    Input(usize, i32),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Add(Operand, Operand),
    Subtract(Operand, Operand),
    Multiply(Operand, Operand),
    Scale(Operand, Fr),
    /// First plus factor times second.
    AddScaled(Operand, Operand, Fr),
    AddConstant(Operand, Fr),
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    to: usize,
    kind: Kind,
}

/// A program with several results.
#[derive(Clone, Debug)]
pub(super) struct Program {
    inputs: Vec<Input>,
    operations: Vec<Operation>,
    slots: usize,
    results: Vec<Operand>,
}

impl Program {
    /// Compiles the evaluation of each of `results`.
    pub(super) fn new(graph: &Graph, results: &[Linear]) -> Self {
        let mut compiler = Compiler::new(graph);
        let results: Vec<Operand> = results.iter().map(|r| compiler.linear(r)).collect();
        let mut program = Self {
            inputs: compiler.inputs,
            operations: compiler.operations,
            slots: 0,
            results,
        };
        program.assign_slots();
        program
    }

    /// The inputs, in the order in which [`Self::run`] takes them.
    pub(super) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Number of results.
    pub(super) fn results(&self) -> usize {
        self.results.len()
    }

    /// Replaces the number of each value by a slot that is free while the value lives.
    fn assign_slots(&mut self) {
        let mut last_use = vec![0; self.operations.len()];
        for (at, operation) in self.operations.iter().enumerate() {
            for operand in operation.kind.operands().into_iter().flatten() {
                if let Operand::Value(value) = operand {
                    last_use[value] = at;
                }
            }
        }
        for result in &self.results {
            if let Operand::Value(value) = result {
                last_use[*value] = usize::MAX;
            }
        }
        let mut slots = vec![0; self.operations.len()];
        let mut free = Vec::new();
        for (at, operation) in self.operations.iter_mut().enumerate() {
            // A result never shares the slot of an operand.
            slots[at] = free.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            operation.to = slots[at];
            let operands = operation.kind.operands().into_iter().flatten();
            let mut ended: Vec<usize> = operands
                .filter_map(|operand| match operand {
                    Operand::Value(value) if last_use[value] == at => Some(slots[value]),
                    _ => None,
                })
                .collect();
            ended.dedup();
            free.extend(ended);
            operation.kind.rename(&slots);
        }
        for result in &mut self.results {
            if let Operand::Value(value) = result {
                *value = slots[*value];
            }
        }
    }

    /// Evaluates rows `start..start + rows`: the results one after the other, `rows` values
    /// each. `inputs` are whole cosets of equal length.
    pub(super) fn run(&self, inputs: &[&[Fr]], start: usize, rows: usize) -> Vec<Fr> {
        let mut results = vec![Fr::ZERO; rows * self.results.len()];
        let mut machine = Machine {
            inputs,
            slots: vec![vec![Fr::ZERO; BLOCK]; self.slots],
            wrapped: [vec![Fr::ZERO; BLOCK], vec![Fr::ZERO; BLOCK]],
        };
        for offset in (0..rows).step_by(BLOCK) {
            let length = BLOCK.min(rows - offset);
            for operation in &self.operations {
                machine.step(operation, start + offset, length);
            }
            for (index, result) in self.results.iter().enumerate() {
                let at = index * rows + offset;
                let (slots, [wrapped, _]) = (&machine.slots, &mut machine.wrapped);
                let values = resolve(inputs, slots, wrapped, *result, start + offset, length);
                results[at..at + length].copy_from_slice(values);
            }
        }
        results
    }
}

impl Kind {
    fn operands(&self) -> [Option<Operand>; 2] {
        match self {
            Self::Add(a, b)
            | Self::Subtract(a, b)
            | Self::Multiply(a, b)
            | Self::AddScaled(a, b, _) => [Some(*a), Some(*b)],
            Self::Scale(a, _) | Self::AddConstant(a, _) => [Some(*a), None],
        }
    }

    fn rename(&mut self, slots: &[usize]) {
        let rename = |operand: &mut Operand| {
            if let Operand::Value(value) = operand {
                *value = slots[*value];
            }
        };
        match self {
            Self::Add(a, b)
            | Self::Subtract(a, b)
            | Self::Multiply(a, b)
            | Self::AddScaled(a, b, _) => {
                rename(a);
                rename(b);
            }
            Self::Scale(a, _) | Self::AddConstant(a, _) => rename(a),
        }
    }
}

/// The values of a running program.
struct Machine<'i> {
    inputs: &'i [&'i [Fr]],
    slots: Vec<Vec<Fr>>,
    /// Room for operands that reach over the end of the rows.
    wrapped: [Vec<Fr>; 2],
}

fn resolve<'v>(
    inputs: &[&'v [Fr]],
    slots: &'v [Vec<Fr>],
    wrapped: &'v mut [Fr],
    operand: Operand,
    start: usize,
    length: usize,
) -> &'v [Fr] {
    match operand {
        Operand::Value(slot) => &slots[slot][..length],
        Operand::Input(input, rotation) => {
            let values = inputs[input];
            let rows = values.len();
            let from = (start as i64 + i64::from(rotation)).rem_euclid(rows as i64) as usize;
            if from + length <= rows {
                return &values[from..from + length];
            }
            let wrapped = &mut wrapped[..length];
            for (offset, value) in wrapped.iter_mut().enumerate() {
                *value = values[(from + offset) % rows];
            }
            wrapped
        }
    }
}

impl Machine<'_> {
    fn step(&mut self, operation: &Operation, start: usize, length: usize) {
        // No operand lies in the slot that is written.
        let mut result = std::mem::take(&mut self.slots[operation.to]);
        let to = &mut result[..length];
        let [first, second] = &mut self.wrapped;
        let mut operands = [Some(first), Some(second)].into_iter();
        let slots = &self.slots;
        let inputs = self.inputs;
        let mut get = |operand| {
            let room = operands
                .next()
                .flatten()
                .map_or(&mut [][..], |room| room.as_mut_slice());
            resolve(inputs, slots, room, operand, start, length)
        };
        match operation.kind {
            Kind::Add(a, b) => zip(to, get(a), get(b), |a, b| a + b),
            Kind::Subtract(a, b) => zip(to, get(a), get(b), |a, b| a - b),
            Kind::Multiply(a, b) => zip(to, get(a), get(b), |a, b| a * b),
            Kind::AddScaled(a, b, factor) => zip(to, get(a), get(b), |a, b| *a + *b * factor),
            Kind::Scale(a, factor) => {
                for (to, a) in to.iter_mut().zip(get(a)) {
                    *to = a * factor;
                }
            }
            Kind::AddConstant(a, constant) => {
                for (to, a) in to.iter_mut().zip(get(a)) {
                    *to = a + constant;
                }
            }
        }
        self.slots[operation.to] = result;
    }
}

fn zip(to: &mut [Fr], a: &[Fr], b: &[Fr], f: impl Fn(&Fr, &Fr) -> Fr) {
    for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
        *to = f(a, b);
    }
}
