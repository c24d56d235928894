//! What makes a model well-formed: everything that the executor and the circuit rely on.

use super::{
    Conv, FunctionTable, IntegerModel, MAX_DIGIT_BITS, MAX_OUTPUT_DIGITS, MIN_DIGIT_BITS,
    ModelError, Node, Op, TreeNode, Trees,
};

/// Largest accumulator, in bits.
const ACCUMULATOR_BITS: u32 = 62;

impl IntegerModel {
    /// Checks everything that [`Self::run`] and the circuit rely on.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] names the first number that does not fit.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.check_all().map_err(|what| ModelError::Malformed {
            model: self.name.clone(),
            what,
        })
    }

    fn check_all(&self) -> Result<(), String> {
        self.check_input()?;
        let max = self.max_digit();
        let mut wires = self.input_wires();
        for node in &self.nodes {
            let bad = |what: String| format!("node `{}`: {what}", node.name);
            if let Some(wire) = node.inputs.iter().find(|wire| **wire as usize >= wires) {
                return Err(bad(format!(
                    "reads wire {wire}, but only {wires} are before it"
                )));
            }
            node.check(max).map_err(bad)?;
            wires += node.outputs();
            if wires > u32::MAX as usize {
                return Err("more than 2^32 wires".into());
            }
        }
        if self.nodes.is_empty() || self.output.is_empty() {
            return Err(format!(
                "{} nodes and {} outputs: a model needs both",
                self.nodes.len(),
                self.output.len()
            ));
        }
        self.check_status(wires)?;
        if self.privacy.weights {
            self.check_private_weights()?;
        }
        for field in &self.output {
            let last = field.wire as usize + field.digits as usize;
            if field.digits == 0 || field.digits > MAX_OUTPUT_DIGITS || last > wires {
                return Err(format!(
                    "output `{}`: {} digits from wire {} of {wires}",
                    field.name, field.digits, field.wire
                ));
            }
            let span = self.digit_bits * field.digits;
            let most = field.zero_point.max((1 << span) - 1);
            let largest = most.checked_mul(u64::from(field.multiplier));
            if field.multiplier == 0 || field.decimals > 18 || largest.is_none_or(|v| v >> 62 != 0)
            {
                return Err(format!(
                    "output `{}`: {most} × {} with {} decimals is no fixed-point number",
                    field.name, field.multiplier, field.decimals
                ));
            }
        }
        Ok(())
    }

    fn check_input(&self) -> Result<(), String> {
        if !(MIN_DIGIT_BITS..=MAX_DIGIT_BITS).contains(&self.digit_bits) {
            return Err(format!(
                "digit width {} is outside {MIN_DIGIT_BITS}..={MAX_DIGIT_BITS}",
                self.digit_bits
            ));
        }
        let slot = u64::from(self.input.digits) * u64::from(self.digit_bits);
        if self.input.features.is_empty() || self.input.digits == 0 || slot > 48 {
            return Err(format!("input slots of {slot} bits"));
        }
        for (index, feature) in self.input.features.iter().enumerate() {
            let width = i64::from(feature.hi) - i64::from(feature.lo);
            if width < 0 || width >> slot != 0 {
                return Err(format!(
                    "feature {index} `{}`: box [{}, {}] does not fit a slot of {slot} bits",
                    feature.name, feature.lo, feature.hi
                ));
            }
        }
        Ok(())
    }
}

impl Node {
    fn check(&self, max: u32) -> Result<(), String> {
        let inputs = self.inputs.len();
        match &self.op {
            Op::Dense { weights, bias } => {
                if weights.is_empty() || bias.len() != weights.len() {
                    return Err("weights and bias differ in length".into());
                }
                if let Some((unit, row)) =
                    (weights.iter().enumerate()).find(|(_, r)| r.len() != inputs)
                {
                    return Err(format!(
                        "unit {unit}: {} weights for {inputs} activations",
                        row.len()
                    ));
                }
            }
            Op::Conv(conv) => conv.check(inputs)?,
            Op::Sparse { units } | Op::Digits { units, .. } => {
                let positions = units.iter().flat_map(|unit| {
                    let terms = unit.terms.iter().map(|(at, _)| *at);
                    terms.chain(unit.products.iter().flat_map(|(a, b, _)| [*a, *b]))
                });
                check_positions(positions, inputs)?;
                if units.is_empty() {
                    return Err("no units".into());
                }
            }
            Op::Table(table) => table.check(max)?,
            Op::Max { groups } => {
                check_positions(groups.iter().flatten().copied(), inputs)?;
                if groups.is_empty() || groups.iter().any(Vec::is_empty) {
                    return Err("a maximum over nothing".into());
                }
            }
            Op::Trees(trees) => trees.check(inputs, max)?,
        }
        if let Op::Digits { digits, .. } = self.op
            && (digits == 0 || digits * (max + 1).trailing_zeros() >= ACCUMULATOR_BITS)
        {
            return Err(format!("{digits} digits per unit"));
        }
        let Some(linear) = self.linear() else {
            return Ok(());
        };
        // Conservative for every partial sum: magnitudes, not signed values.
        match linear
            .magnitudes(max)
            .iter()
            .position(|sum| sum >> ACCUMULATOR_BITS != 0)
        {
            Some(unit) => Err(format!("unit {unit}: accumulator overflows")),
            None => Ok(()),
        }
    }
}

fn check_positions(mut at: impl Iterator<Item = u32>, inputs: usize) -> Result<(), String> {
    match at.find(|at| *at as usize >= inputs) {
        Some(at) => Err(format!("input position {at} of {inputs}")),
        None => Ok(()),
    }
}

impl FunctionTable {
    fn check(&self, max: u32) -> Result<(), String> {
        let fits = self.values.iter().all(|v| *v <= max);
        if self.values.len() != max as usize + 1 || !fits {
            return Err(format!(
                "table `{}` is not {} digits",
                self.name,
                u64::from(max) + 1
            ));
        }
        Ok(())
    }
}

impl Conv {
    fn check(&self, inputs: usize) -> Result<(), String> {
        let sizes = [self.channels, self.height, self.width, self.filters];
        let steps = [self.kernel, self.stride, self.dilation];
        let all = sizes.iter().chain(steps.iter().flatten());
        // Factors below 2^16 keep every product inside 64 bits.
        if all
            .chain([&self.groups, &self.items])
            .any(|v| *v == 0 || *v >= 1 << 16)
            || self.pads.iter().any(|v| *v >= 1 << 16)
        {
            return Err("a size is 0 or above 65,535".into());
        }
        if !self.channels.is_multiple_of(self.groups) || !self.filters.is_multiple_of(self.groups) {
            return Err(format!(
                "{} groups do not divide {} channels and {} filters",
                self.groups, self.channels, self.filters
            ));
        }
        if self.outputs() == 0 {
            return Err("the kernel is larger than the padded image".into());
        }
        let counts = [
            ("inputs", inputs, self.inputs()),
            ("weights", self.weights.len(), self.weight_count()),
            ("biases", self.bias.len(), self.item_outputs()),
        ];
        match counts.iter().find(|(_, got, wanted)| got != wanted) {
            Some((what, got, wanted)) => Err(format!("{got} {what} instead of {wanted}")),
            None => Ok(()),
        }
    }
}

impl Trees {
    fn check(&self, inputs: usize, max: u32) -> Result<(), String> {
        let positions = self.features.iter().flat_map(|f| f.digits.iter().copied());
        check_positions(positions, inputs)?;
        if self.trees.is_empty() || self.limbs == 0 || self.features.len() > max as usize {
            return Err(format!(
                "{} trees of {} limbs over {} features",
                self.trees.len(),
                self.limbs,
                self.features.len()
            ));
        }
        for (index, feature) in self.features.iter().enumerate() {
            let ascending = feature.thresholds.windows(2).all(|w| w[0] < w[1]);
            let bits = feature.digits.len() as u32 * (max + 1).trailing_zeros();
            let fits = feature.thresholds.iter().all(|t| t >> bits.min(63) == 0);
            if feature.digits.is_empty()
                || bits > 48
                || !ascending
                || !fits
                || feature.thresholds.len() > max as usize
            {
                return Err(format!(
                    "tree feature {index}: {} digits and {} thresholds (at most {max}, ascending)",
                    feature.digits.len(),
                    feature.thresholds.len()
                ));
            }
        }
        for (index, tree) in self.trees.iter().enumerate() {
            if tree.nodes.is_empty() || tree.nodes.len() > max as usize + 1 {
                return Err(format!(
                    "tree {index} has {} nodes; this digit width numbers at most {}",
                    tree.nodes.len(),
                    u64::from(max) + 1
                ));
            }
            for (at, node) in tree.nodes.iter().enumerate() {
                self.check_node(at, node, tree.nodes.len(), max)
                    .map_err(|what| format!("tree {index} node {at}: {what}"))?;
            }
        }
        Ok(())
    }

    fn check_node(&self, at: usize, node: &TreeNode, count: usize, max: u32) -> Result<(), String> {
        match node {
            TreeNode::Branch { feature, edges } => {
                if *feature as usize >= self.features.len() {
                    return Err(format!("feature {feature} of {}", self.features.len()));
                }
                let ascending = edges.windows(2).all(|w| w[0].0 < w[1].0);
                if !ascending || edges.last().map(|e| e.0) != Some(max) {
                    return Err("edges are not a partition of the ranks".into());
                }
                let onwards = |next: u32| next as usize > at && (next as usize) < count;
                if !edges.iter().all(|(_, next)| onwards(*next)) {
                    return Err("an edge does not lead to a later node".into());
                }
            }
            TreeNode::Leaf { values } => {
                if values.len() != self.limbs as usize || values.iter().any(|v| *v > max) {
                    return Err(format!("a leaf of {} values", values.len()));
                }
            }
        }
        Ok(())
    }
}
