//! Our own prover for halo2's proof system: the same proofs, faster and in less memory.
//!
//! [`create_proof`] writes what `halo2_proofs::plonk::create_proof` writes for KZG commitments
//! with SHPLONK openings, message for message, so that the stock verifier and the generated
//! contract accept it. What differs is how the messages are computed:
//!
//! | module | what |
//! | --- | --- |
//! | [`key`], [`fixed`] | the key from synthesis: columns as values, nothing extended or stored |
//! | [`witness`] | synthesis with the witness, phase by phase |
//! | [`msm`] | commitments: small scalars, equal scalars, affine buckets |
//! | [`permutation`] | products only where cells are copied |
//! | [`graph`], [`comb`], [`program`] | constraints as straight-line programs on blocks of rows |
//! | [`domain`], [`quotient`] | the quotient coset by coset, a group of constraints on as many cosets as its degree needs |
//! | [`evaluation`] | evaluations of all columns with one set of Lagrange values |
//! | [`opening`] | openings from values on the rows |
//!
//! Proofs are zero-knowledge as halo2's are: the last rows of every advice column and product
//! and a whole random polynomial come from the random number generator that is passed in.

mod comb;
mod domain;
mod evaluation;
mod fixed;
mod graph;
mod key;
mod msm;
mod opening;
mod permutation;
mod program;
mod quotient;
mod witness;

use std::io;

use halo2_proofs::arithmetic::eval_polynomial;
use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::halo2curves::group::Curve;
use halo2_proofs::plonk::{self, Circuit};
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rayon::prelude::*;

pub use key::{Commitments, ProvingKey};

use graph::Input;
use opening::{Name, Opened, Query};

/// Why there is no key or no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A feature of halo2 that no machine of ours uses.
    #[error("this prover does not support {0}")]
    Unsupported(&'static str),
    /// The SRS does not fit the circuit.
    #[error(
        "the SRS has {monomial} powers and {lagrange} Lagrange points; the circuit needs the \
         same power of two of both, at least {minimum}"
    )]
    Points {
        /// Powers of τ.
        monomial: usize,
        /// Lagrange points.
        lagrange: usize,
        /// Least number of rows.
        minimum: usize,
    },
    /// The circuit does not fit the rows.
    #[error("the circuit assigns row {row}, but only {usable} rows are usable")]
    Row {
        /// The row.
        row: usize,
        /// Rows that are not blinded.
        usable: usize,
    },
    /// A copy outside the permutation.
    #[error("the circuit copies a cell of column {index}, which has no equality enabled")]
    NotPermuted {
        /// Position among the columns of its kind.
        index: usize,
    },
    /// The witness is incomplete.
    #[error("advice column {column} has no known value in row {row}")]
    Unknown {
        /// The column.
        column: usize,
        /// The row.
        row: usize,
    },
    /// Instances of another circuit.
    #[error(
        "{got} columns of up to {longest} instances; the circuit takes {columns} of at most {usable}"
    )]
    Instances {
        /// Columns passed.
        got: usize,
        /// Length of the longest.
        longest: usize,
        /// Columns expected.
        columns: usize,
        /// Rows that are not blinded.
        usable: usize,
    },
    /// The circuit's synthesis failed.
    #[error("synthesis failed: {0}")]
    Synthesis(plonk::Error),
    /// The transcript refuses a message, such as the point at infinity.
    #[error("transcript: {0}")]
    Transcript(#[from] io::Error),
}

/// Values on the rows of every committed column.
#[derive(Clone, Copy, Debug)]
struct Values<'v> {
    key: &'v ProvingKey,
    advice: &'v [Vec<Fr>],
    instance: &'v [Vec<Fr>],
    products: &'v [Vec<Fr>],
}

impl<'v> Values<'v> {
    /// The values of a column; none for inputs that are not columns.
    fn of(&self, input: Input) -> &'v [Fr] {
        let (columns, index) = match input {
            Input::Fixed(index) => (self.key.fixed.as_slice(), index),
            Input::Advice(index) => (self.advice, index),
            Input::Instance(index) => (self.instance, index),
            Input::Sigma(index) => (self.key.sigma.as_slice(), index),
            Input::Product(index) => (self.products, index),
            Input::First | Input::Point | Input::Comb(_) => return &[],
        };
        columns.get(index).map_or(&[], Vec::as_slice)
    }
}

/// Proves that `circuit` is satisfied with these instance columns.
///
/// `digest` stands for the verifying key and opens the transcript. Whether the circuit is
/// satisfied is not checked: verify the proof.
///
/// # Errors
/// A circuit that does not fit its key, or a transcript that refuses.
pub fn create_proof<C, E, R, T>(
    key: &ProvingKey,
    circuit: &C,
    instances: &[&[Fr]],
    digest: Fr,
    mut rng: R,
    transcript: &mut T,
) -> Result<(), CreateError>
where
    C: Circuit<Fr>,
    E: EncodedChallenge<G1Affine>,
    R: RngCore,
    T: TranscriptWrite<G1Affine, E>,
{
    let instance = instance_columns(key, instances)?;
    transcript.common_scalar(digest)?;
    let witness = witness::synthesize(key, circuit, instances, &mut rng, transcript)?;

    // θ compresses look-ups, of which there are none.
    transcript.squeeze_challenge();
    let permutation = permutation::Challenges {
        beta: transcript.squeeze_challenge().get_scalar(),
        gamma: transcript.squeeze_challenge().get_scalar(),
    };
    let mut values = Values {
        key,
        advice: &witness.advice,
        instance: &instance,
        products: &[],
    };
    let products = permutation::products(key, &values, permutation, &mut rng, transcript)?;
    values.products = &products;

    let random = random_polynomial(key.rows(), &mut rng);
    transcript.write_point(msm::multiexp(&key.monomial, &random).to_affine())?;

    let challenges = quotient::Challenges {
        circuit: &witness.challenges,
        permutation,
        y: transcript.squeeze_challenge().get_scalar(),
    };
    let pieces = quotient::pieces(key, &values, challenges)?;
    let columns: Vec<&[Fr]> = pieces.iter().map(Vec::as_slice).collect();
    for commitment in msm::commit_all(&key.monomial, &columns) {
        transcript.write_point(commitment)?;
    }

    let x = transcript.squeeze_challenge().get_scalar();
    let quotient = combine_pieces(pieces, x.pow([key.rows() as u64]));
    let claims = evaluation::Claims::new(&values, x);
    let at_x = |polynomial: &[Fr]| eval_polynomial(polynomial, x);
    let own = [at_x(&quotient), at_x(&random)];
    for evaluation in claims.written(own[1]) {
        transcript.write_scalar(evaluation)?;
    }
    let mut queries = claims.queries();
    let polynomials = [(Name::Quotient, &quotient), (Name::Random, &random)];
    for ((name, polynomial), evaluation) in polynomials.into_iter().zip(own) {
        queries.push(Query {
            name,
            polynomial: Opened::Coefficients(polynomial),
            rotation: 0,
            evaluation,
        });
    }
    opening::open(key, &queries, x, transcript)
}

/// Instance columns, padded with zeros.
fn instance_columns(key: &ProvingKey, instances: &[&[Fr]]) -> Result<Vec<Vec<Fr>>, CreateError> {
    let columns = key.cs.num_instance_columns();
    let longest = instances.iter().map(|column| column.len()).max();
    let longest = longest.unwrap_or(0);
    if instances.len() != columns || longest > key.usable {
        return Err(CreateError::Instances {
            got: instances.len(),
            longest,
            columns,
            usable: key.usable,
        });
    }
    let padded = instances.iter().map(|column| {
        let mut values = column.to_vec();
        values.resize(key.rows(), Fr::ZERO);
        values
    });
    Ok(padded.collect())
}

/// Uniform coefficients, expanded from a seed of the generator's.
fn random_polynomial<R: RngCore>(rows: usize, rng: &mut R) -> Vec<Fr> {
    const PART: usize = 512;
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let mut polynomial = vec![Fr::ZERO; rows];
    let parts = polynomial.par_chunks_mut(PART).enumerate();
    parts.for_each(|(stream, part)| {
        let mut rng = ChaCha20Rng::from_seed(seed);
        rng.set_stream(stream as u64);
        for coefficient in part {
            *coefficient = Fr::random(&mut rng);
        }
    });
    polynomial
}

/// `Σ power^t piece_t`.
fn combine_pieces(pieces: Vec<Vec<Fr>>, power: Fr) -> Vec<Fr> {
    let mut pieces = pieces.into_iter().rev();
    let mut sum = pieces.next().unwrap_or_default();
    for piece in pieces {
        sum.par_iter_mut().zip(piece).for_each(|(sum, next)| {
            *sum = *sum * power + next;
        });
    }
    sum
}
