//! The exact arg max: number of the first largest of several forms.
//!
//! *Pairwise*, for few values: a bit `s_j > s_i` for every `i < j` (strict: among equals the lower
//! index wins), then value `i` is chosen if it wins all its `k − 1` comparisons.
//!
//! *Digit by digit*, for more: of all sums as digits, those with the largest top digit stay, of
//! these those with the largest next digit, and so on; `e_i` says whether value `i` still stays:
//!
//! ```text
//! y_i  = max(x_i − M (1 − e_i), 0)     the next digit, 0 if the value does not stay
//! m    = max_i y_i
//! e'_i = ⌊(e_i + y_i − m + 2^t − 1) / 2^t⌋     1 if e_i = 1 and y_i = m, else 0
//! ```
//!
//! At the end the lowest `i` that stays is `k − max_i (k − i) e_i`. Rows grow with `k` times the
//! digits instead of `k²`; all units of a step have the same coefficients.

use super::decide::{COMPARED_BITS, Decider};
use super::exact::align;
use super::{DecideError, Exact};
use crate::integer::{Op, Unit, WireId};

/// Up to this many values are compared pair by pair; more cost less digit by digit.
const MAX_PAIRWISE: usize = 4;

impl Decider<'_> {
    /// Wire that holds the number of the first largest form.
    ///
    /// Exact for forms of one unit; others are compared in a unit of 2^−32 of the widest range.
    ///
    /// # Errors
    /// No forms, more than a digit numbers, or sums beyond 48 bits.
    pub fn arg_max(&mut self, name: &str, forms: &[Exact]) -> Result<WireId, DecideError> {
        self.choices(name, forms.len())?;
        let forms = align(name, forms, self.reach(), COMPARED_BITS)?;
        let forms = self.condense(&format!("{name}.sums"), &forms)?;
        match forms.len() {
            1 => self.one(name, &Exact::default()),
            2..=MAX_PAIRWISE => self.pairwise(name, &forms),
            _ => self.digitwise(name, &forms),
        }
    }

    fn pairwise(&mut self, name: &str, forms: &[Exact]) -> Result<WireId, DecideError> {
        let count = forms.len();
        let pairs: Vec<(usize, usize)> = (0..count)
            .flat_map(|j| (0..j).map(move |i| (i, j)))
            .collect();
        let differences = pairs.iter().map(|(i, j)| (forms[*j].minus(&forms[*i]), 0));
        let bits = self.above(&format!("{name}.greater"), &differences.collect::<Vec<_>>())?;
        if let [bit] = bits.as_slice() {
            return Ok(*bit);
        }
        // u = wins + 2^t − (k − 1) reaches 2^t only if all comparisons are won.
        let base = self.max() + 1;
        let mut units = vec![Unit::linear(base - (count as i64 - 1), Vec::new()); count];
        for (at, (i, j)) in pairs.iter().enumerate() {
            units[*j].terms.push((at as u32, 1));
            units[*i].terms.push((at as u32, -1));
            units[*i].bias += 1;
        }
        let chosen = self.push(format!("{name}.wins"), bits, Op::Sparse { units })?;
        let index = (0..).map(|i| i * base);
        let terms = (0..).zip(index).take(count).filter(|(_, c)| *c != 0);
        let units = vec![Unit::linear(0, terms.collect())];
        self.first(name, chosen, Op::Sparse { units })
    }

    fn digitwise(&mut self, name: &str, forms: &[Exact]) -> Result<WireId, DecideError> {
        let (digits, levels) = self.common_digits(name, forms)?;
        let count = forms.len() as u32;
        let (base, max) = (self.max() + 1, self.max());
        let every = || 0..count;
        let mut stay: Option<Vec<WireId>> = None;
        for level in (0..levels).rev() {
            let name = format!("{name}.digit{level}");
            let x: Vec<WireId> = every()
                .map(|i| digits[(i * levels + level) as usize])
                .collect();
            // Inputs of a step: the values, then what stays, then the largest.
            let kept = match &stay {
                None => x,
                Some(stay) => {
                    let terms = |i| vec![(i, base), (count + i, base * max)];
                    let units = every().map(|i| Unit::linear(-base * max, terms(i)));
                    let inputs = [x, stay.clone()].concat();
                    let units = units.collect();
                    self.push(format!("{name}.kept"), inputs, Op::Sparse { units })?
                }
            };
            let groups = vec![every().collect()];
            let largest = self.first(&format!("{name}.max"), kept.clone(), Op::Max { groups })?;
            let mut inputs = kept;
            let units: Vec<Unit> = match &stay {
                None => every()
                    .map(|i| Unit::linear(max + 1, vec![(i, 1), (count, -1)]))
                    .collect(),
                Some(stay) => {
                    inputs.extend(stay);
                    let terms = |i| vec![(i, 1), (count + i, 1), (2 * count, -1)];
                    every().map(|i| Unit::linear(max, terms(i))).collect()
                }
            };
            inputs.push(largest);
            stay = Some(self.push(format!("{name}.stay"), inputs, Op::Sparse { units })?);
        }
        let units = every().map(|i| Unit::linear(0, vec![(i, base * i64::from(count - i))]));
        let units = units.collect();
        let stay = stay.unwrap_or_default();
        let order = self.push(format!("{name}.order"), stay, Op::Sparse { units })?;
        let groups = vec![every().collect()];
        let first = self.first(&format!("{name}.first"), order, Op::Max { groups })?;
        let units = vec![Unit::linear(base * i64::from(count), vec![(0, -base)])];
        self.first(name, vec![first], Op::Sparse { units })
    }

    /// The forms as digits above their common smallest value, and digits per form.
    fn common_digits(
        &mut self,
        name: &str,
        forms: &[Exact],
    ) -> Result<(Vec<WireId>, u32), DecideError> {
        let bounds = forms.iter().map(|form| self.interval(name, form));
        let bounds = bounds.collect::<Result<Vec<_>, _>>()?;
        let least = bounds.iter().map(|(lo, _)| *lo).min().unwrap_or(0);
        let most = bounds.iter().map(|(_, hi)| *hi).max().unwrap_or(0);
        // Digits of one scale are compared as they are.
        let plain = |form: &Exact| match form.terms.as_slice() {
            [(wire, 1)] if form.constant == forms[0].constant => Some(*wire),
            _ => None,
        };
        if let Some(wires) = forms.iter().map(plain).collect() {
            return Ok((wires, 1));
        }
        let digits = self.digits(most - least);
        let units = forms.iter().map(|form| (form, form.constant - least));
        let wires = self.exact_digits(&format!("{name}.sums"), units.collect(), digits)?;
        Ok((wires, digits))
    }

    /// Pushes a node of one output.
    fn first(&mut self, name: &str, inputs: Vec<WireId>, op: Op) -> Result<WireId, DecideError> {
        Ok(self.push(name, inputs, op)?[0])
    }
}
