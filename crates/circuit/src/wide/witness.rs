//! Fills a wide program's rows for one input per item.
//!
//! Every value comes from the reference executor's trace, so the circuit cannot disagree with it
//! without the proof failing.

use std::collections::BTreeMap;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::integer::TREE_LIMBS;
use haloracle_model::words::{Word, slots_per_word};
use haloracle_model::{Batch, IntegerModel, Op, Trace, TreeNode, Trees};

use super::config::CELLS;
use super::lower::boxes;
use super::lower::conv::Plan;
use super::lower::linear::pack;
use super::lower::tables::{Tables, Tuple, interval};
use super::program::{Aux, Bound, Committed, Live, Program, Source, Value};
use crate::commitment::{Domain, capacity, digit_words};
use crate::field;
use crate::poseidon;
use crate::shape::Item;
use crate::witness::{WitnessError, count_items, tag_halves, word_digit};

/// The phase-1 cells of one run, by row, and its public instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Digits.
    pub z: Vec<[u32; CELLS]>,
    /// Negative parts.
    pub n: Vec<[u32; CELLS]>,
    /// Remainders, differences.
    pub r: Vec<[u32; CELLS]>,
    /// Multiplicities of the table entries.
    pub m: Vec<u32>,
    /// `z` cells of free rows, by row and lane: field elements instead of digits.
    pub free: BTreeMap<(u32, u8), Fr>,
    /// `r` cells of Poseidon rows, by row and number.
    pub free_r: BTreeMap<(u32, u8), Fr>,
    /// Tag halves, commitment to private weights, then per item input words or their commitment,
    /// output words.
    pub instances: Vec<Word>,
}

/// Salts of the commitments; those that a model does not use may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salts {
    /// Of the private inputs: random, and used for one request only.
    pub input: Fr,
    /// Of the private weights, fixed when the model was compiled.
    pub model: Fr,
}

impl Salts {
    /// For models without anything private.
    pub const NONE: Self = Self {
        input: Fr::ZERO,
        model: Fr::ZERO,
    };
}

impl std::fmt::Debug for Salts {
    /// Shows nothing: salts are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salts(..)")
    }
}

/// What filling rows needs.
struct Filler<'p> {
    /// The graph of all items.
    model: &'p IntegerModel,
    program: &'p Program,
    trace: Trace,
    tables: Tables,
    aux: Vec<u32>,
    borders: Vec<Fr>,
    parameters: Vec<u32>,
    sponges: BTreeMap<Committed, Sponge>,
}

/// Cells of every permutation of a sponge, by row, and its result.
struct Sponge {
    salt: Fr,
    permutations: Vec<Vec<[Fr; CELLS]>>,
    result: Fr,
}

impl Sponge {
    fn new(domain: Domain, salt: Fr, words: &[Fr]) -> Self {
        let mut input = vec![salt];
        input.extend_from_slice(words);
        let mut state = [capacity(domain, words.len()), Fr::ZERO, Fr::ZERO];
        let constant = poseidon::parameters().constants[0][0];
        state[0] += constant;
        let mut permutations = Vec::new();
        let count = input.len().div_ceil(poseidon::RATE);
        for (number, chunk) in input.chunks(poseidon::RATE).enumerate() {
            for (x, word) in state[1..].iter_mut().zip(chunk) {
                *x += word;
            }
            // The next permutation's first element comes with its constant.
            let end = if number + 1 < count {
                constant
            } else {
                Fr::ZERO
            };
            let states = boxes::states(state, end);
            if let Some([x, y, z, _]) = states.last() {
                state = [*x, *y, *z];
            }
            permutations.push(states);
        }
        Self {
            salt,
            permutations,
            result: state[1],
        }
    }
}

impl Witness {
    /// Runs `model` on `raw` and fills `program`'s rows under the statement `tag`.
    ///
    /// # Errors
    /// An input outside the domain, or a program of another model.
    pub fn new(
        model: &IntegerModel,
        program: &Program,
        raw: &[i64],
        salts: Salts,
        tag: &Word,
    ) -> Result<Self, WitnessError> {
        let salt = salts.input;
        Self::batch(model, program, &[Item { raw, salt }], salts.model, tag)
    }

    /// Runs `model` on every item and fills the rows of a program of as many items.
    ///
    /// # Errors
    /// As [`Self::new`]; another number of items than the program's.
    pub fn batch(
        model: &IntegerModel,
        program: &Program,
        items: &[Item<'_>],
        model_salt: Fr,
        tag: &Word,
    ) -> Result<Self, WitnessError> {
        count_items(program.items, items.len())?;
        let batch = Batch::new(model, items.len())?;
        let raws: Vec<&[i64]> = items.iter().map(|item| item.raw).collect();
        let trace = batch.run(&raws)?;
        let salts: Vec<Fr> = items.iter().map(|item| item.salt).collect();
        let filler = Filler::new(&batch, program, trace, &salts, model_salt);
        let commitment = |sponge: Committed| {
            let sponge = filler.sponges.get(&sponge);
            sponge.map(|sponge| field::to_word(&sponge.result))
        };
        let mut instances = tag_halves(tag).to_vec();
        instances.extend(commitment(Committed::Model));
        for (number, item) in items.iter().enumerate() {
            match commitment(Committed::Input(number as u32)) {
                Some(word) => instances.push(word),
                None => instances.extend(model.pack_input(item.raw)?),
            }
            let (status, outputs) = batch.answer(&filler.trace, number);
            instances.extend(model.pack_output(status, &outputs));
        }
        let rows = program.rows.len();
        let mut witness = Self {
            z: vec![[0; CELLS]; rows],
            n: vec![[0; CELLS]; rows],
            r: vec![[0; CELLS]; rows],
            m: vec![0; rows],
            free: BTreeMap::new(),
            free_r: BTreeMap::new(),
            instances,
        };
        for row in 0..rows {
            witness.fill(row, &filler);
        }
        // Differences to the next row's value.
        for row in 0..rows.saturating_sub(1) {
            if let Source::Maximum(_) = program.rows[row].source {
                let largest = witness.z[row + 1][0];
                witness.r[row] = witness.z[row].map(|z| largest.saturating_sub(z));
            }
        }
        for (row, content) in program.rows.iter().enumerate() {
            if content.fixed.live == Live::Hash {
                for (at, lane) in [0, CELLS - 1].into_iter().enumerate() {
                    let x = witness.cell(row, lane);
                    let square = x.square();
                    let key = (row as u32, 2 * at as u8);
                    witness.free_r.insert(key, square);
                    witness
                        .free_r
                        .insert((key.0, key.1 + 1), square.square() * x);
                }
            }
        }
        witness.count(&filler)?;
        Ok(witness)
    }

    fn fill(&mut self, row: usize, filler: &Filler<'_>) {
        let bits = filler.model.digit_bits;
        let max = i64::from(filler.model.max_digit());
        let accumulator = |node: u32, unit: u32| {
            let units = &filler.trace.accumulators[node as usize];
            units.get(unit as usize).copied().unwrap_or(0)
        };
        match &filler.program.rows[row].source {
            Source::Values(values) | Source::Maximum(values) => {
                for (lane, value) in values.iter().enumerate() {
                    self.value(row, lane, *value, filler);
                }
            }
            Source::Claims { node, units } => {
                for (lane, unit) in units.iter().enumerate() {
                    let u = accumulator(*node, *unit);
                    let quotient = u >> bits;
                    self.z[row][lane] = quotient.clamp(0, max) as u32;
                    self.n[row][lane] = ((-quotient).max(0) & max) as u32;
                    self.r[row][lane] = (u & max) as u32;
                }
            }
            Source::Excess { node, units } => {
                for (lane, unit) in units.iter().enumerate() {
                    let quotient = accumulator(*node, *unit) >> bits;
                    let excess = (quotient - max).max(0);
                    self.z[row][lane] = (excess >> bits) as u32;
                    self.n[row][lane] = ((-quotient).max(0) >> bits) as u32;
                    self.r[row][lane] = (excess & max) as u32;
                }
            }
            Source::Edge { node, tree, level } => {
                let step = filler.step(*node, *tree, *level);
                self.z[row] = [step.id, step.feature, step.low, step.high];
                self.r[row] = [
                    step.next,
                    0,
                    step.rank.saturating_sub(step.low),
                    step.high.saturating_sub(step.rank),
                ];
            }
            Source::Feature { node, tree, level } => {
                let step = filler.step(*node, *tree, *level);
                self.z[row] = [step.rank, step.feature, 0, 0];
                self.r[row] = [0, step.next, 0, 0];
            }
            Source::Leaf { node, tree, chunk } => {
                let path = &filler.trace.paths[*node as usize][*tree as usize];
                let id = path.last().copied().unwrap_or(0);
                self.z[row][0] = id;
                if let Op::Trees(trees) = &filler.model.nodes[*node as usize].op {
                    let leaf = trees.trees[*tree as usize].leaf(id);
                    let limbs = leaf
                        .iter()
                        .skip(*chunk as usize * TREE_LIMBS)
                        .take(TREE_LIMBS);
                    for (lane, limb) in limbs.enumerate() {
                        self.z[row][lane + 1] = *limb;
                    }
                }
            }
        }
    }

    fn value(&mut self, row: usize, lane: usize, value: Value, filler: &Filler<'_>) {
        let key = (row as u32, lane as u8);
        match value {
            Value::Zero | Value::Nought => {}
            Value::One => self.z[row][lane] = 1,
            Value::Parameter(number) => self.z[row][lane] = filler.parameters[number as usize],
            Value::Salt(sponge) => {
                let salt = filler.sponges.get(&sponge).map(|sponge| sponge.salt);
                self.free.insert(key, salt.unwrap_or(Fr::ZERO));
            }
            Value::State(state) => {
                let sponge = filler.sponges.get(&state.sponge);
                let states = sponge.map(|s| &s.permutations[state.permutation as usize]);
                let value = states.map(|s| s[state.step as usize][usize::from(state.lane)]);
                self.free.insert(key, value.unwrap_or(Fr::ZERO));
            }
            Value::Wire(wire) => self.z[row][lane] = filler.trace.wires[wire as usize],
            Value::Digit { word, bit } => {
                let word = &self.instances[word as usize];
                self.z[row][lane] = word_digit(word, bit, filler.model.digit_bits);
            }
            Value::Aux(number) => self.z[row][lane] = filler.aux[number as usize],
            Value::Instance(word) => {
                // Packed words are below the modulus by construction.
                let value = field::from_word(&self.instances[word as usize]);
                self.free.insert(key, value.unwrap_or(Fr::ZERO));
            }
            Value::Border(number) => {
                self.free.insert(key, filler.borders[number as usize]);
            }
        }
    }

    /// Counts how often each table entry is looked up; the entry's row holds the count.
    fn count(&mut self, filler: &Filler<'_>) -> Result<(), WitnessError> {
        let program = filler.program;
        let size = program.max_digit() as usize + 1;
        // Rows of the entries, which skip the rows that are homes.
        let free = program.rows.iter().enumerate();
        let rows: Vec<usize> = free
            .filter(|(_, row)| !row.fixed.home)
            .map(|(index, _)| index)
            .take(program.table_entries)
            .collect();
        let homes = filler.homes();
        for row in 0..program.last_row() {
            let fixed = &program.rows[row].fixed;
            if fixed.live != Live::Looked {
                continue;
            }
            for lane in 0..CELLS {
                let ranges = [
                    ("z + n", self.z[row][lane] + self.n[row][lane]),
                    ("r", self.r[row][lane]),
                ];
                for (what, value) in ranges {
                    let missing = || WitnessError::NotInTable {
                        row,
                        what: format!("{what} = {value}"),
                    };
                    let entry = (value as usize) < size;
                    let entry = rows.get(value as usize).filter(|_| entry);
                    self.m[*entry.ok_or_else(missing)?] += 1;
                }
            }
            if fixed.tag != 0 {
                let z = self.z[row];
                let tuple = Tuple {
                    parts: [z[0], z[1], z[2], z[3], self.r[row][0]],
                    tag: fixed.tag,
                };
                let home = homes.get(&(tuple.tag, z[1], z[0])).copied();
                let entry = filler.tables.position(&tuple);
                let entry = entry.and_then(|at| rows.get(size + at).copied());
                let entry = entry.or(home).ok_or_else(|| WitnessError::NotInTable {
                    row,
                    what: format!("{:?} under tag {}", tuple.parts, tuple.tag),
                })?;
                // The multiplicity is weighted by the tag, the numerator of a tuple's fraction.
                self.m[entry] += tuple.tag;
            }
        }
        Ok(())
    }

    /// The instances as field elements; packed words are below the modulus by construction.
    pub fn instance_values(&self) -> Vec<Fr> {
        let words = self.instances.iter();
        words.filter_map(field::from_word).collect()
    }

    /// An `r` cell as a field element.
    pub fn remainder(&self, row: usize, lane: usize) -> Fr {
        let free = self.free_r.get(&(row as u32, lane as u8)).copied();
        free.unwrap_or_else(|| Fr::from(u64::from(self.r[row][lane])))
    }

    /// A `z` cell as a field element.
    pub fn cell(&self, row: usize, lane: usize) -> Fr {
        let free = self.free.get(&(row as u32, lane as u8)).copied();
        free.unwrap_or_else(|| Fr::from(u64::from(self.z[row][lane])))
    }
}

/// One step of a tree's path.
struct Step {
    id: u32,
    feature: u32,
    low: u32,
    high: u32,
    next: u32,
    rank: u32,
}

impl<'p> Filler<'p> {
    fn new(
        batch: &'p Batch<'p>,
        program: &'p Program,
        trace: Trace,
        salts: &[Fr],
        model_salt: Fr,
    ) -> Self {
        let (item, model) = (batch.item(), batch.graph());
        let parameters = match item.privacy.weights {
            true => item.parameters(),
            false => Vec::new(),
        };
        let mut sponges = BTreeMap::new();
        if item.privacy.weights {
            let words = digit_words(&parameters, model.digit_bits);
            let sponge = Sponge::new(Domain::Model, model_salt, &words);
            sponges.insert(Committed::Model, sponge);
        }
        if item.privacy.inputs {
            let slots = slots_per_word(item.input_slot_bits()) * item.input.digits as usize;
            let step = field::power_of_two(model.digit_bits);
            let word = |chunk: &[u32]| {
                let digits = chunk.iter().rev();
                digits.fold(Fr::ZERO, |sum, d| sum * step + Fr::from(u64::from(*d)))
            };
            for (number, salt) in salts.iter().enumerate() {
                let wires = 0..item.input_wires() as u32;
                let wires: Vec<u32> = wires.map(|wire| batch.wire(number, wire)).collect();
                let digits = trace.values(&wires);
                let words: Vec<Fr> = digits.chunks(slots).map(word).collect();
                let sponge = Sponge::new(Domain::Input, *salt, &words);
                sponges.insert(Committed::Input(number as u32), sponge);
            }
        }
        let mut filler = Self {
            model,
            program,
            trace,
            tables: Tables::new(model),
            aux: Vec::new(),
            borders: Vec::new(),
            parameters,
            sponges,
        };
        filler.aux = program
            .aux
            .iter()
            .map(|aux| filler.auxiliary(*aux))
            .collect();
        filler.borders = filler.border_values();
        filler
    }

    fn node_trees(&self, node: u32) -> Option<(&Trees, Vec<u32>)> {
        let node = &self.model.nodes[node as usize];
        match &node.op {
            Op::Trees(trees) => Some((trees, self.trace.values(&node.inputs))),
            _ => None,
        }
    }

    fn auxiliary(&self, aux: Aux) -> u32 {
        let bits = self.model.digit_bits;
        match aux {
            Aux::Rank { node, feature } => self
                .node_trees(node)
                .map_or(0, |(trees, x)| trees.rank(feature as usize, &x, bits)),
            Aux::Bound {
                node,
                feature,
                what,
                digit,
            } => {
                let Some((trees, x)) = self.node_trees(node) else {
                    return 0;
                };
                let rank = trees.rank(feature as usize, &x, bits);
                let feature = &trees.features[feature as usize];
                let [low, high] = interval(feature, rank as usize, bits);
                let value = feature
                    .digits
                    .iter()
                    .rev()
                    .fold(0u64, |sum, at| sum << bits | u64::from(x[*at as usize]));
                let number = match what {
                    Bound::Low => low,
                    Bound::High => high,
                    Bound::Above => value - low,
                    Bound::Below => high - value,
                };
                (number >> (digit * bits)) as u32 & self.model.max_digit()
            }
            Aux::Largest { node, group, count } => {
                let node = &self.model.nodes[node as usize];
                let Op::Max { groups } = &node.op else {
                    return 0;
                };
                let members = groups[group as usize].iter().take(count as usize);
                let values = members.map(|at| self.trace.wires[node.inputs[*at as usize] as usize]);
                values.max().unwrap_or(0)
            }
        }
    }

    fn step(&self, node: u32, tree: u32, level: u32) -> Step {
        let max = self.model.max_digit();
        let path = &self.trace.paths[node as usize][tree as usize];
        let at = |level: usize| path[level.min(path.len() - 1)];
        let (id, next) = (at(level as usize), at(level as usize + 1));
        let mut step = Step {
            id,
            feature: 0,
            low: 0,
            high: max,
            next,
            rank: 0,
        };
        let Some((trees, x)) = self.node_trees(node) else {
            return step;
        };
        if let TreeNode::Branch { feature, edges } = &trees.trees[tree as usize].nodes[id as usize]
        {
            step.feature = *feature;
            step.rank = trees.rank(*feature as usize, &x, self.model.digit_bits);
            let edge = edges.partition_point(|(high, _)| *high < step.rank);
            step.low = edge.checked_sub(1).map_or(0, |before| edges[before].0 + 1);
            step.high = edges[edge].0;
        } else {
            // Waiting in a leaf: any feature will do, the edge covers all ranks.
            step.rank = trees.rank(0, &x, self.model.digit_bits);
        }
        step
    }

    /// Rows whose table entry is a feature's rank, by (tag, feature, rank).
    fn homes(&self) -> BTreeMap<(u32, u32, u32), usize> {
        let mut homes = BTreeMap::new();
        for (row, content) in self.program.rows.iter().enumerate() {
            if !content.fixed.home {
                continue;
            }
            let Source::Values([Value::Aux(number), ..]) = content.source else {
                continue;
            };
            if let Aux::Rank { node, feature } = self.program.aux[number as usize]
                && let Some(tags) = self.tables.trees.get(&(node as usize))
            {
                homes.insert((tags.value, feature, self.aux[number as usize]), row);
            }
        }
        homes
    }

    /// What the product of each convolution leaves at positions without an output.
    fn border_values(&self) -> Vec<Fr> {
        let mut values = vec![Fr::ZERO; self.program.borders.len()];
        let mut at = 0;
        while at < values.len() {
            let node = self.program.borders[at].node;
            let borders = &self.program.borders[at..];
            let count = borders.iter().take_while(|b| b.node == node).count();
            self.node_borders(node as usize, at, &mut values[at..at + count]);
            at += count;
        }
        values
    }

    fn node_borders(&self, node: usize, first: usize, values: &mut [Fr]) {
        let operator = &self.model.nodes[node];
        let (Op::Conv(conv), Some(packing)) = (&operator.op, self.program.packings[node]) else {
            return;
        };
        let Some(plan) = Plan::new(conv) else { return };
        // First border of each position; a position's borders are consecutive per group of four,
        // highest group first.
        let mut starts: BTreeMap<u32, Vec<(u32, usize)>> = BTreeMap::new();
        for (index, border) in self.program.borders[first..first + values.len()]
            .iter()
            .enumerate()
        {
            let slots = starts.entry(border.position).or_default();
            slots.push((border.exponent, index));
        }
        let filters = conv.filters as usize;
        let per_group = filters / conv.groups as usize;
        let channels = (conv.channels / conv.groups) as usize;
        let kernel = conv.kernel.map(|v| v as usize);
        for channel in 0..conv.channels as usize {
            let group = channel / channels;
            for phase in &plan.phases {
                let data: Vec<(usize, u64)> = (0..conv.items as usize)
                    .flat_map(|item| {
                        let (first, span) = (item * conv.item_inputs(), item * plan.positions);
                        phase.data(plan.pitch).map(move |(at, row, column)| {
                            let y = phase.origin[0] + row * conv.stride[0] as usize;
                            let x = phase.origin[1] + column * conv.stride[1] as usize;
                            let plane = channel * conv.height as usize + y;
                            (span + at, first + plane * conv.width as usize + x)
                        })
                    })
                    .map(|(at, input)| {
                        let wire = operator.inputs[input];
                        (at, u64::from(self.trace.wires[wire as usize]))
                    })
                    .collect();
                for (tap, ky, kx) in &phase.taps {
                    let mut column = vec![0i64; filters];
                    let of_group = group * per_group..(group + 1) * per_group;
                    for (filter, weight) in of_group.clone().zip(&mut column[of_group]) {
                        let index = ((filter * channels + channel % channels) * kernel[0] + ky)
                            * kernel[1]
                            + kx;
                        *weight = conv.weights[index];
                    }
                    let weights = pack(&column, packing);
                    for (at, x) in &data {
                        let Some(slots) = starts.get(&((at + tap) as u32)) else {
                            continue;
                        };
                        if *x == 0 {
                            continue;
                        }
                        for (exponent, index) in slots {
                            values[*index] += weights[*exponent as usize] * Fr::from(*x);
                        }
                    }
                }
            }
        }
    }
}
