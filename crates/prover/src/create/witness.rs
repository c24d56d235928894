//! Synthesis with a witness, phase by phase.
//!
//! A circuit either calls `next_phase` between its phases or is synthesized once per phase. At
//! the end of a phase its advice columns get their blinding rows and are committed, then the
//! challenges of the phase are drawn; later assignments to its columns change nothing.

use std::collections::HashMap;
use std::marker::PhantomData;

use halo2_proofs::circuit::Value;
use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::plonk::{
    Advice, Any, Assigned, Assignment, Challenge, Circuit, Column, ConstraintSystem, Error, Fixed,
    FloorPlanner, Instance, Selector,
};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use rand::RngCore;

use super::CreateError;
use super::domain::batch_invert;
use super::key::ProvingKey;
use super::msm::commit_all;

/// Committed advice columns, and the challenges drawn after them.
#[derive(Debug)]
pub(super) struct Witness {
    /// Values on the rows, blinding included.
    pub(super) advice: Vec<Vec<Fr>>,
    pub(super) challenges: Vec<Fr>,
}

/// Synthesizes `circuit` through all phases.
///
/// # Errors
/// A circuit that does not fit or does not know its witness; a transcript that refuses.
pub(super) fn synthesize<C, E, R, T>(
    key: &ProvingKey,
    circuit: &C,
    instances: &[&[Fr]],
    rng: &mut R,
    transcript: &mut T,
) -> Result<Witness, CreateError>
where
    C: Circuit<Fr>,
    E: EncodedChallenge<G1Affine>,
    R: RngCore,
    T: TranscriptWrite<G1Affine, E>,
{
    let mut cs = ConstraintSystem::default();
    let config = C::configure_with_params(&mut cs, circuit.params());
    let column_phases = key.cs.advice_column_phase();
    let phases = column_phases.iter().max().map_or(1, |last| last + 1);
    let mut collector = WitnessCollector {
        key,
        instances,
        rng,
        transcript,
        phase: 0,
        phases,
        advice: vec![vec![Fr::ZERO; key.rows()]; column_phases.len()],
        column_phases,
        denominators: HashMap::new(),
        challenges: vec![None; key.cs.num_challenges()],
        error: None,
        encoding: PhantomData,
    };
    while collector.phase < phases && collector.error.is_none() {
        C::FloorPlanner::synthesize(
            &mut collector,
            circuit,
            config.clone(),
            key.cs.constants().clone(),
        )
        .map_err(CreateError::Synthesis)?;
        // A circuit that drives the phases itself leaves the last one to be closed here.
        collector.next_phase();
    }
    if let Some(error) = collector.error {
        return Err(error);
    }
    let challenges = collector
        .challenges
        .into_iter()
        .collect::<Option<Vec<Fr>>>();
    let unknown = CreateError::Unsupported("challenges that are never drawn");
    Ok(Witness {
        advice: collector.advice,
        challenges: challenges.ok_or(unknown)?,
    })
}

struct WitnessCollector<'a, E, R, T> {
    key: &'a ProvingKey,
    instances: &'a [&'a [Fr]],
    rng: &'a mut R,
    transcript: &'a mut T,
    /// The phase being assigned.
    phase: u8,
    /// Number of phases.
    phases: u8,
    advice: Vec<Vec<Fr>>,
    column_phases: Vec<u8>,
    /// Cells whose value is still to be divided by this.
    denominators: HashMap<(usize, usize), Fr>,
    challenges: Vec<Option<Fr>>,
    /// The first error: the assignment interface cannot return it.
    error: Option<CreateError>,
    encoding: PhantomData<E>,
}

impl<E, R, T> WitnessCollector<'_, E, R, T>
where
    E: EncodedChallenge<G1Affine>,
    R: RngCore,
    T: TranscriptWrite<G1Affine, E>,
{
    fn fail(&mut self, error: CreateError) {
        self.error.get_or_insert(error);
    }

    fn set(&mut self, column: usize, row: usize, value: Option<Assigned<Fr>>) {
        let usable = self.key.usable;
        let phase = match self.column_phases.get(column) {
            Some(phase) if row < usable => *phase,
            _ => return self.fail(CreateError::Row { row, usable }),
        };
        let Some(value) = value else {
            if phase == self.phase {
                self.fail(CreateError::Unknown { column, row });
            }
            return;
        };
        if phase < self.phase {
            return;
        }
        self.advice[column][row] = value.numerator();
        match value.denominator() {
            Some(denominator) => {
                self.denominators.insert((column, row), denominator);
            }
            None if self.denominators.is_empty() => {}
            None => {
                self.denominators.remove(&(column, row));
            }
        }
    }

    /// Does the divisions that were put off, in one batch.
    fn divide(&mut self) {
        let cells: Vec<((usize, usize), Fr)> = self.denominators.drain().collect();
        let mut inverses: Vec<Fr> = cells.iter().map(|(_, d)| *d).collect();
        batch_invert(&mut inverses);
        for (((column, row), _), inverse) in cells.iter().zip(inverses) {
            self.advice[*column][*row] *= inverse;
        }
    }

    /// Blinds and commits the columns of the phase, then draws its challenges.
    fn commit(&mut self) -> Result<(), CreateError> {
        if self.phase == 0 {
            for value in self.instances.iter().flat_map(|column| column.iter()) {
                self.transcript.common_scalar(*value)?;
            }
        }
        self.divide();
        let phases = self.column_phases.iter().enumerate();
        let columns: Vec<usize> = phases
            .filter(|(_, phase)| **phase == self.phase)
            .map(|(column, _)| column)
            .collect();
        for column in &columns {
            for cell in &mut self.advice[*column][self.key.usable..] {
                *cell = Fr::random(&mut *self.rng);
            }
        }
        for _ in &columns {
            // KZG has no use for the blind that halo2 draws here; drawn all the same, so that
            // the same randomness makes the same commitments.
            Fr::random(&mut *self.rng);
        }
        let values: Vec<&[Fr]> = columns.iter().map(|c| self.advice[*c].as_slice()).collect();
        for commitment in commit_all(&self.key.lagrange, &values) {
            self.transcript.write_point(commitment)?;
        }
        let phases = self.key.cs.challenge_phase();
        for (challenge, phase) in self.challenges.iter_mut().zip(phases) {
            if phase == self.phase {
                *challenge = Some(self.transcript.squeeze_challenge().get_scalar());
            }
        }
        self.phase += 1;
        Ok(())
    }
}

impl<E, R, T> Assignment<Fr> for WitnessCollector<'_, E, R, T>
where
    E: EncodedChallenge<G1Affine>,
    R: RngCore,
    T: TranscriptWrite<G1Affine, E>,
{
    fn enter_region<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn annotate_column<A, AR>(&mut self, _: A, _: Column<Any>)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
    }

    fn exit_region(&mut self) {}

    fn enable_selector<A, AR>(&mut self, _: A, _: &Selector, _: usize) -> Result<(), Error>
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        Ok(())
    }

    fn query_instance(&self, column: Column<Instance>, row: usize) -> Result<Value<Fr>, Error> {
        if row >= self.key.usable {
            return Err(Error::BoundsFailure);
        }
        let values = self.instances.get(column.index());
        let value = values.and_then(|values| values.get(row));
        value.map(|v| Value::known(*v)).ok_or(Error::BoundsFailure)
    }

    /// Takes the value down. What is returned is unknown: a reference into the column cannot
    /// outlive this call safely, so circuits must not read assigned cells back.
    fn assign_advice<'v>(
        &mut self,
        column: Column<Advice>,
        row: usize,
        to: Value<Assigned<Fr>>,
    ) -> Value<&'v Assigned<Fr>> {
        let mut value = None;
        to.map(|to| value = Some(to));
        self.set(column.index(), row, value);
        Value::unknown()
    }

    fn assign_fixed(&mut self, _: Column<Fixed>, _: usize, _: Assigned<Fr>) {}

    fn copy(&mut self, _: Column<Any>, _: usize, _: Column<Any>, _: usize) {}

    fn fill_from_row(
        &mut self,
        _: Column<Fixed>,
        _: usize,
        _: Value<Assigned<Fr>>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn get_challenge(&self, challenge: Challenge) -> Value<Fr> {
        let value = self.challenges.get(challenge.index()).copied().flatten();
        value.map_or_else(Value::unknown, Value::known)
    }

    fn push_namespace<NR, N>(&mut self, _: N)
    where
        NR: Into<String>,
        N: FnOnce() -> NR,
    {
    }

    fn pop_namespace(&mut self, _: Option<String>) {}

    fn next_phase(&mut self) {
        if self.phase >= self.phases || self.error.is_some() {
            return;
        }
        if let Err(error) = self.commit() {
            self.fail(error);
        }
    }
}
