//! Recurrent operators, unrolled over their fixed number of steps.

mod activation;
mod cells;

use crate::builder::Builder;
use crate::call::Call;
use crate::shape::wire_elements;
use crate::tensor::Tensor;
use crate::value::{Elem, Kind, Value};
use activation::activations;
pub(super) use cells::{gru, lstm, rnn};

/// Weights of one direction; rows of all gates one below the other.
struct Weights {
    input: Vec<Vec<f64>>,
    state: Vec<Vec<f64>>,
    input_bias: Vec<f64>,
    state_bias: Vec<f64>,
    peephole: Option<Vec<f64>>,
}

/// What the three operators have in common.
struct Recurrent {
    hidden: usize,
    steps: usize,
    inputs: usize,
    directions: usize,
    /// Which way each direction goes.
    reverse: Vec<bool>,
    batch_first: bool,
    clip: Option<f64>,
    weights: Vec<Weights>,
}

impl Recurrent {
    fn of(call: &Call<'_>, gates: usize, extra: &[&str], inputs: usize) -> Result<Self, String> {
        let mut known = vec![
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "layout",
        ];
        known.extend_from_slice(extra);
        call.attributes(&known)?;
        call.at_most(inputs)?;
        let x = call.input(0)?;
        if x.kind() != Kind::Float && x.kind() != Kind::Double {
            return Err(format!("takes float values, not {}", x.kind().name()));
        }
        let batch_first = call.flag("layout", false)?;
        let (steps, inputs) = match *x.dims() {
            [steps, 1, inputs] if !batch_first => (steps, inputs),
            [1, steps, inputs] if batch_first => (steps, inputs),
            ref other => {
                return Err(format!(
                    "takes a sequence with a batch of one, not shape {other:?}"
                ));
            }
        };
        if steps == 0 || inputs == 0 {
            return Err("takes an empty sequence".into());
        }
        let reverse = match call.text("direction", "forward")?.as_str() {
            "forward" => vec![false],
            "reverse" => vec![true],
            "bidirectional" => vec![false, true],
            other => {
                return Err(format!(
                    "attribute `direction` is `{other}`, which is not known"
                ));
            }
        };
        let directions = reverse.len();
        if let Some(lengths) = call.optional_constant(4, "sequence lengths")?
            && lengths
                .integers()?
                .iter()
                .any(|l| usize::try_from(*l) != Ok(steps))
        {
            return Err(format!("has sequences shorter than its {steps} steps"));
        }
        let (w, r) = (
            call.constant(1, "input weights")?,
            call.constant(2, "state weights")?,
        );
        let hidden = r.dims.get(2).copied().unwrap_or(0);
        if hidden == 0
            || w.dims != [directions, gates * hidden, inputs]
            || r.dims != [directions, gates * hidden, hidden]
        {
            return Err(format!(
                "weights of shapes {:?} and {:?} do not fit {inputs} inputs and {gates} gates",
                w.dims, r.dims
            ));
        }
        if call.int("hidden_size", hidden as i64)? != hidden as i64 {
            return Err(format!("attribute `hidden_size` is not {hidden}"));
        }
        let clip = match call.any_float("clip")? {
            None => None,
            Some(bound) if bound > 0.0 => Some(f64::from(bound)),
            Some(bound) => return Err(format!("attribute `clip` is {bound}; it must be above 0")),
        };
        let bias = match call.optional_constant(3, "bias")? {
            None => None,
            Some(b) if b.dims == [directions, 2 * gates * hidden] => Some(b.reals()?),
            Some(b) => return Err(format!("a bias of shape {:?} does not fit", b.dims)),
        };
        let rows = |tensor: &Tensor, direction: usize| -> Result<Vec<Vec<f64>>, String> {
            let width = tensor.dims[2];
            let size = tensor.dims[1] * width;
            let all = tensor.reals()?;
            let own = &all[direction * size..(direction + 1) * size];
            Ok(own.chunks(width).map(<[f64]>::to_vec).collect())
        };
        let count = gates * hidden;
        let weights = (0..directions)
            .map(|direction| {
                let part = |second: usize| match &bias {
                    Some(all) => {
                        let start = direction * 2 * count + second * count;
                        all[start..start + count].to_vec()
                    }
                    None => vec![0.0; count],
                };
                Ok(Weights {
                    input: rows(w, direction)?,
                    state: rows(r, direction)?,
                    input_bias: part(0),
                    state_bias: part(1),
                    peephole: None,
                })
            })
            .collect::<Result<_, String>>()?;
        wire_elements(&[steps, directions, hidden])?;
        Ok(Self {
            hidden,
            steps,
            inputs,
            directions,
            reverse,
            batch_first,
            clip,
            weights,
        })
    }

    /// A state before the first step, per direction; zeros where it is absent.
    fn initial(&self, call: &Call<'_>, index: usize) -> Result<Vec<Vec<Elem>>, String> {
        let zeros = vec![vec![Elem::Const(0.0); self.hidden]; self.directions];
        let Some(value) = call.optional(index) else {
            return Ok(zeros);
        };
        let wanted = if self.batch_first {
            [1, self.directions, self.hidden]
        } else {
            [self.directions, 1, self.hidden]
        };
        if value.dims() != wanted {
            return Err(format!(
                "an initial state of shape {:?} does not fit {wanted:?}",
                value.dims()
            ));
        }
        Ok(value
            .elems()?
            .chunks(self.hidden)
            .map(<[Elem]>::to_vec)
            .collect())
    }

    /// Runs all directions; `step` gives the state after one step from input and state before.
    fn run<S: Clone>(
        &self,
        x: &[Elem],
        states: Vec<S>,
        mut step: impl FnMut(usize, &[Elem], &S) -> Result<S, String>,
        hidden: fn(&S) -> &[Elem],
    ) -> Result<(Vec<Elem>, Vec<S>), String> {
        let mut sequence = vec![Elem::Const(0.0); self.steps * self.directions * self.hidden];
        let mut last = Vec::with_capacity(self.directions);
        for (direction, mut state) in states.into_iter().enumerate() {
            for nth in 0..self.steps {
                let t = if self.reverse[direction] {
                    self.steps - 1 - nth
                } else {
                    nth
                };
                state = step(
                    direction,
                    &x[t * self.inputs..(t + 1) * self.inputs],
                    &state,
                )?;
                let start = (t * self.directions + direction) * self.hidden;
                sequence[start..start + self.hidden].copy_from_slice(hidden(&state));
            }
            last.push(state);
        }
        Ok((sequence, last))
    }

    /// The output with all steps; elements come in order step, direction, unit.
    fn sequence(&self, elems: Vec<Elem>, kind: Kind) -> Value {
        let dims = if self.batch_first {
            vec![1, self.steps, self.directions, self.hidden]
        } else {
            vec![self.steps, self.directions, 1, self.hidden]
        };
        Value::wires(dims, elems, kind)
    }

    /// An output with the last step alone.
    fn last(&self, elems: Vec<Elem>, kind: Kind) -> Value {
        let dims = if self.batch_first {
            vec![1, self.directions, self.hidden]
        } else {
            vec![self.directions, 1, self.hidden]
        };
        Value::wires(dims, elems, kind)
    }
}

impl Weights {
    /// `W x + R h + b` for the gates `from..to`.
    fn gates(
        &self,
        builder: &mut Builder,
        x: &[Elem],
        h: &[Elem],
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<Elem>, String> {
        let inputs: Vec<Elem> = x.iter().chain(h).copied().collect();
        let weights = rows
            .clone()
            .map(|row| [&self.input[row][..], &self.state[row]].concat());
        let bias = rows
            .clone()
            .map(|row| self.input_bias[row] + self.state_bias[row]);
        builder.dense(&inputs, weights.collect(), bias.collect())
    }
}
