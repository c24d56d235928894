//! The two shapes: what is the same whichever a model is lowered to.

use std::sync::Arc;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::ConstraintSystem;
use haloracle_model::IntegerModel;
use haloracle_model::integer::Privacy;
use haloracle_model::words::Word;
use serde::{Deserialize, Serialize};

use crate::chain::Chain;
use crate::lower::LowerError;
use crate::wide::{self, WideError};
use crate::witness::{Witness, WitnessError};
use crate::{MachineConfig, Program};

/// A constraint system that models are lowered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One digit a row, four lanes: small chains of dense layers, the cheapest verification.
    Narrow,
    /// Four digits a row, sixteen lanes: everything else.
    Wide,
}

impl Shape {
    /// Both, narrow first.
    pub const ALL: [Self; 2] = [Self::Narrow, Self::Wide];

    /// The constraint system.
    pub fn constraint_system(self) -> ConstraintSystem<Fr> {
        let mut meta = ConstraintSystem::default();
        match self {
            Self::Narrow => drop(MachineConfig::configure(&mut meta)),
            Self::Wide => drop(wide::WideConfig::configure(&mut meta)),
        }
        meta
    }

    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Wide => "wide",
        }
    }
}

impl std::str::FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Self::ALL.into_iter();
        all.into_iter()
            .find(|shape| shape.name() == text)
            .ok_or_else(|| format!("`{text}` is no shape; there are `narrow` and `wide`"))
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a model cannot be lowered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// To the narrow shape.
    #[error(transparent)]
    Narrow(#[from] LowerError),
    /// To the wide shape.
    #[error(transparent)]
    Wide(#[from] WideError),
}

/// A model's rows.
#[derive(Clone, Debug)]
pub enum Lowered {
    /// In the narrow shape.
    Narrow(Arc<Program>),
    /// In the wide shape.
    Wide(Arc<wide::Program>),
}

/// Rows from which the wide shape is tried as well: it verifies at higher cost and proves large
/// models faster.
const TRY_WIDE_FROM_K: u32 = 12;
/// Proving time of a wide row in narrow rows, about.
const WIDE_ROW_COST: f64 = 2.3;

/// Lowers `model` to `shape`, or to the one that suits it: narrow for small chains of dense
/// layers, else whichever proves faster.
///
/// # Errors
/// See [`CompileError`].
pub fn compile(model: &IntegerModel, shape: Option<Shape>) -> Result<Lowered, CompileError> {
    match shape {
        Some(Shape::Narrow) => return Ok(Lowered::Narrow(Arc::new(crate::lower(model)?))),
        Some(Shape::Wide) => return Ok(Lowered::Wide(Arc::new(wide::lower(model)?))),
        None => {}
    }
    let narrow = match Chain::new(model) {
        Ok(_) if model.privacy == Privacy::default() => crate::lower(model),
        _ => return Ok(Lowered::Wide(Arc::new(wide::lower(model)?))),
    };
    if let Ok(program) = &narrow
        && program.k < TRY_WIDE_FROM_K
    {
        return Ok(Lowered::Narrow(Arc::new(narrow?)));
    }
    match (narrow, wide::lower(model)) {
        (Ok(narrow), Ok(wide)) => {
            let slower = 2f64.powi(narrow.k as i32) > WIDE_ROW_COST * 2f64.powi(wide.k as i32);
            Ok(match slower {
                true => Lowered::Wide(Arc::new(wide)),
                false => Lowered::Narrow(Arc::new(narrow)),
            })
        }
        (Ok(narrow), Err(_)) => Ok(Lowered::Narrow(Arc::new(narrow))),
        (Err(_), wide) => Ok(Lowered::Wide(Arc::new(wide?))),
    }
}

/// [`compile`] for a shape that was chosen before, without the audit: for models whose rows
/// were audited when they were first lowered.
///
/// # Errors
/// See [`CompileError`].
pub fn reopen(model: &IntegerModel, shape: Shape) -> Result<Lowered, CompileError> {
    reopen_batch(model, 1, shape)
}

/// Lowers `items` inputs of `model` to one program of a shape that was chosen before.
///
/// # Errors
/// See [`CompileError`].
pub fn compile_batch(
    model: &IntegerModel,
    items: usize,
    shape: Shape,
) -> Result<Lowered, CompileError> {
    Ok(match shape {
        Shape::Narrow => Lowered::Narrow(Arc::new(crate::lower::lower_batch(model, items)?)),
        Shape::Wide => Lowered::Wide(Arc::new(wide::lower::lower_batch(model, items)?)),
    })
}

/// [`compile_batch`] without the audit: for models whose rows were audited when they were first
/// lowered.
///
/// # Errors
/// See [`CompileError`].
pub fn reopen_batch(
    model: &IntegerModel,
    items: usize,
    shape: Shape,
) -> Result<Lowered, CompileError> {
    Ok(match shape {
        Shape::Narrow => Lowered::Narrow(Arc::new(crate::lower::lower_unaudited(model, items)?)),
        Shape::Wide => Lowered::Wide(Arc::new(wide::lower::lower_batch_unaudited(model, items)?)),
    })
}

/// One input of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Raw fixed-point integers.
    pub raw: &'a [i64],
    /// Salt of the commitment to them, where inputs are private.
    pub salt: Fr,
}

impl Lowered {
    /// Which shape.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Narrow(_) => Shape::Narrow,
            Self::Wide(_) => Shape::Wide,
        }
    }

    /// log2 of the number of rows.
    pub fn k(&self) -> u32 {
        match self {
            Self::Narrow(program) => program.k,
            Self::Wide(program) => program.k,
        }
    }

    /// Number of public instances.
    pub fn instances(&self) -> usize {
        match self {
            Self::Narrow(program) => program.instances,
            Self::Wide(program) => program.instances,
        }
    }

    /// Inputs that a proof answers.
    pub fn items(&self) -> usize {
        match self {
            Self::Narrow(program) => program.items,
            Self::Wide(program) => program.items,
        }
    }

    /// The narrow program, if it is one.
    pub fn narrow(&self) -> Option<&Arc<Program>> {
        match self {
            Self::Narrow(program) => Some(program),
            Self::Wide(_) => None,
        }
    }

    /// The wide program, if it is one.
    pub fn wide(&self) -> Option<&Arc<wide::Program>> {
        match self {
            Self::Narrow(_) => None,
            Self::Wide(program) => Some(program),
        }
    }

    /// Runs `model` on `raw` and fills the rows under the statement `tag`.
    ///
    /// # Errors
    /// An input outside the domain, or rows of another model.
    pub fn witness(
        &self,
        model: &IntegerModel,
        raw: &[i64],
        salts: wide::Salts,
        tag: &Word,
    ) -> Result<Filled, WitnessError> {
        let salt = salts.input;
        self.witness_batch(model, &[Item { raw, salt }], salts.model, tag)
    }

    /// Runs `model` on every item and fills the rows under the statement `tag`.
    ///
    /// # Errors
    /// As [`Self::witness`]; another number of items than the program's.
    pub fn witness_batch(
        &self,
        model: &IntegerModel,
        items: &[Item<'_>],
        model_salt: Fr,
        tag: &Word,
    ) -> Result<Filled, WitnessError> {
        Ok(match self {
            Self::Narrow(program) => {
                let raws: Vec<&[i64]> = items.iter().map(|item| item.raw).collect();
                Filled::Narrow(Witness::batch(model, program, &raws, tag)?)
            }
            Self::Wide(program) => Filled::Wide(wide::Witness::batch(
                model, program, items, model_salt, tag,
            )?),
        })
    }
}

/// A witness of either shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// Of the narrow shape.
    Narrow(Witness),
    /// Of the wide shape.
    Wide(wide::Witness),
}

impl Filled {
    /// The public instances.
    pub fn instances(&self) -> &[Word] {
        match self {
            Self::Narrow(witness) => &witness.instances,
            Self::Wide(witness) => &witness.instances,
        }
    }

    /// The public instances as field elements.
    pub fn instance_values(&self) -> Vec<Fr> {
        match self {
            Self::Narrow(witness) => witness.instance_values(),
            Self::Wide(witness) => witness.instance_values(),
        }
    }
}

impl From<Witness> for Filled {
    fn from(witness: Witness) -> Self {
        Self::Narrow(witness)
    }
}

impl From<wide::Witness> for Filled {
    fn from(witness: wide::Witness) -> Self {
        Self::Wide(witness)
    }
}
