//! Point operations over limbs.
//!
//! A register holds a point: x as three limbs, y as a polynomial that need not be reduced, because
//! y enters the next addition linearly: with λ the slope between (x, y) and (t_x, t_y),
//! $$x' = λ^2 - x - t_x, \qquad y' = λ(t_x - x') - t_y.$$
//! Only doubling multiplies y, so y is reduced before it.
//!
//! A slope is determined only where the points differ in x; where they do not, a prover could
//! choose it. No operation meets that case: multiples of one point by small odd numbers and
//! twice that point differ, and a sum of many points starts at an offset that is a random
//! multiple, drawn after all points and scalars were fixed (see [`super::msm`]).

use halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use haloracle_prover::poseidon::{LIMBS, PACK_BITS};
use num_bigint::BigInt;

use crate::config::{DIGITS, OPERANDS};
use crate::gates::power_of_two;
use crate::limbs::{Polynomial, digits, fits, show, to_field};
use crate::rows::{Builder, Cell, Mode, Operands, Place, Stream, W};

/// The point in the register.
#[derive(Clone, Debug, Default)]
pub struct Register {
    x: Fq,
    y: Fq,
    /// y before reduction.
    y_polynomial: Option<Polynomial>,
    /// Cells of x's limbs, lowest first.
    x_cells: Option<[Cell; LIMBS]>,
}

/// A point in a table.
#[derive(Clone, Debug)]
pub struct Entry {
    row: u32,
    x: Fq,
    y: Fq,
    y_polynomial: Polynomial,
}

/// A point whose limbs are cells.
#[derive(Clone, Copy, Debug)]
pub struct LoadedPoint {
    /// Limbs of x, lowest first.
    pub x: [Cell; LIMBS],
    /// Limbs of y.
    pub y: [Cell; LIMBS],
}

/// What becomes of a finished fold on the row where the next value starts.
#[derive(Clone, Copy)]
enum Use {
    /// Nothing; y starts from 0.
    ClearY,
    /// Nothing.
    None,
    /// λ takes it.
    Slope,
    /// x takes it.
    X,
    /// y takes it times the weight of a quotient or a carry of equation 0 or 1.
    Quotient(usize),
    Carry(usize),
}

impl Use {
    fn operands(self) -> Operands {
        let mut operands = [Fr::ZERO; OPERANDS];
        let one = match self {
            Self::None => None,
            Self::ClearY => Some(7),
            Self::Slope => Some(5),
            Self::X => Some(6),
            Self::Quotient(equation) => Some(1 + 2 * equation),
            Self::Carry(equation) => Some(2 + 2 * equation),
        };
        if let Some(index) = one {
            operands[index] = Fr::ONE;
        }
        operands
    }
}

/// Kinds of steps, by the operand that names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Add = 0,
    Double = 1,
    Load = 2,
    Reduce = 3,
    Start = 4,
}

fn inverse(value: Fq) -> Fq {
    Option::from(value.invert()).unwrap_or(Fq::ZERO)
}

impl Builder {
    /// A fresh name for a table.
    pub(crate) fn table_id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    fn limb(&mut self, limb: &BigInt, operands: Operands) -> Cell {
        if !fits(limb) {
            self.fail("a limb does not fit its row");
        }
        let digits = digits(limb).map(|digit| Fr::from(u64::from(digit)));
        let value = to_field(limb);
        let row = self.push(Stream::Curve, Mode::Limb, operands, digits, value);
        let place = Place {
            stream: Stream::Curve,
            row,
            column: W,
        };
        Cell { place, value }
    }

    /// The rows of a value, highest limb first; its cells, lowest first.
    fn value<const N: usize>(&mut self, limbs: &[BigInt; N], before: Use) -> [Cell; N] {
        let mut operands = before.operands();
        let mut cells = Vec::with_capacity(N);
        for limb in limbs.iter().rev() {
            cells.push(self.limb(limb, operands));
            operands = Use::None.operands();
            operands[0] = Fr::ONE;
        }
        std::array::from_fn(|index| cells[N - 1 - index])
    }

    fn element(&mut self, value: &Fq, before: Use) -> [Cell; LIMBS] {
        let limbs = haloracle_prover::poseidon::limbs(value).map(BigInt::from);
        self.value(&limbs, before)
    }

    /// Quotient and carries of two equations; `before` is what becomes of the fold before them.
    fn equations(&mut self, equations: &[Polynomial], before: Use) -> Use {
        let mut before = before;
        for (index, equation) in equations.iter().enumerate() {
            let shown = show(equation);
            if !shown.holds {
                self.fail("a point operation meets a case that it does not cover");
            }
            self.value(&shown.quotient, before);
            self.value(&shown.carries, Use::Quotient(index));
            before = Use::Carry(index);
        }
        before
    }

    fn step(&mut self, step: Step, read: Option<(u32, u32)>) -> Cell {
        let mut operands = [Fr::ZERO; OPERANDS];
        operands[step as usize] = Fr::ONE;
        let mut w = Fr::ZERO;
        if let Some((id, index)) = read {
            operands[5] = Fr::from(u64::from(id));
            w = Fr::from(u64::from(index));
        }
        let row = self.push(Stream::Curve, Mode::Step, operands, [Fr::ZERO; DIGITS], w);
        if let Some(entry) = read.and_then(|key| self.entries.get(&key)) {
            self.reads.push((row, entry.row));
        }
        let place = Place {
            stream: Stream::Curve,
            row,
            column: W,
        };
        Cell { place, value: w }
    }

    fn read(&mut self, id: u32, index: u32) -> Entry {
        let entry = self.entries.get(&(id, index)).cloned();
        entry.unwrap_or_else(|| {
            self.fail("a table has no such entry");
            Entry {
                row: 0,
                x: Fq::ZERO,
                y: Fq::ZERO,
                y_polynomial: Polynomial::constant(0),
            }
        })
    }

    fn y_polynomial(&self) -> Polynomial {
        let reduced = || Polynomial::of(&self.register.y);
        self.register.y_polynomial.clone().unwrap_or_else(reduced)
    }

    /// Puts a point of the curve into the register.
    pub(crate) fn load(&mut self, point: &G1Affine) -> LoadedPoint {
        let (x, y) = (point.x, point.y);
        let z = x.square();
        let [px, py, pz] = [&x, &y, &z].map(Polynomial::of);
        let x_cells = self.element(&x, Use::ClearY);
        self.element(&z, Use::X);
        let first = px.times(&px).minus(&pz);
        let second = py
            .times(&py)
            .minus(&px.times(&pz))
            .minus(&Polynomial::constant(3));
        let last = self.equations(&[first, second], Use::Slope);
        let y_cells = self.element(&y, last);
        self.step(Step::Load, None);
        self.register = Register {
            x,
            y,
            y_polynomial: None,
            x_cells: Some(x_cells),
        };
        LoadedPoint {
            x: x_cells,
            y: y_cells,
        }
    }

    /// Writes the register, or minus the register, to a table.
    pub(crate) fn entry(&mut self, id: u32, index: u32, negative: bool) {
        let sign = if negative { -Fr::ONE } else { Fr::ONE };
        let mut operands = [Fr::ZERO; OPERANDS];
        operands[0] = Fr::from(u64::from(id));
        operands[1] = Fr::from(u64::from(index));
        operands[2] = Fr::ONE;
        operands[4] = sign;
        let none = [Fr::ZERO; DIGITS];
        // Its multiplicity is counted at the end.
        let row = self.push(Stream::Curve, Mode::Entry, operands, none, Fr::ZERO);
        let polynomial = self.y_polynomial();
        let (x, y) = (self.register.x, self.register.y);
        let entry = Entry {
            row,
            x,
            y: if negative { -y } else { y },
            y_polynomial: polynomial.scaled(if negative { -1 } else { 1 }),
        };
        self.entries.insert((id, index), entry);
    }

    /// Takes a table's point into the register; the cell of its index.
    pub(crate) fn start(&mut self, id: u32, index: u32) -> Cell {
        let Entry {
            x, y, y_polynomial, ..
        } = self.read(id, index);
        self.register = Register {
            x,
            y,
            y_polynomial: Some(y_polynomial),
            x_cells: None,
        };
        self.step(Step::Start, Some((id, index)))
    }

    /// Adds a table's point to the register; the cell of its index.
    pub(crate) fn add_entry(&mut self, id: u32, index: u32) -> Cell {
        let t = self.read(id, index);
        let Register { x, y, .. } = self.register;
        let slope = (t.y - y) * inverse(t.x - x);
        let sum = slope.square() - x - t.x;
        let [s, px, ptx, psum] = [&slope, &x, &t.x, &sum].map(Polynomial::of);
        let first = t
            .y_polynomial
            .minus(&self.y_polynomial())
            .minus(&s.times(&ptx.minus(&px)));
        self.finish_sum(&slope, first, &t, sum, [s, px, ptx, psum], Use::None);
        self.step(Step::Add, Some((id, index)))
    }

    /// Doubles the register, whose point must be the only entry of table `id`.
    fn double_entry(&mut self, id: u32) {
        let t = self.read(id, 0);
        let three = Fq::from(3);
        let slope = three * t.x.square() * inverse(t.y.double());
        let sum = slope.square() - t.x.double();
        let [s, px, psum] = [&slope, &t.x, &sum].map(Polynomial::of);
        let first = px
            .times(&px)
            .scaled(3)
            .minus(&s.times(&t.y_polynomial).scaled(2));
        self.finish_sum(
            &slope,
            first,
            &t,
            sum,
            [s, px.clone(), px, psum],
            Use::ClearY,
        );
        self.step(Step::Double, Some((id, 0)));
    }

    /// Rows of an addition or doubling with the polynomials of λ, x, t_x and the new x.
    fn finish_sum(
        &mut self,
        slope: &Fq,
        first: Polynomial,
        t: &Entry,
        sum: Fq,
        [s, px, ptx, psum]: [Polynomial; 4],
        before: Use,
    ) {
        self.element(slope, before);
        let second = s.times(&s).minus(&px).minus(&ptx).minus(&psum);
        let last = self.equations(&[first, second], Use::Slope);
        let x_cells = self.element(&sum, last);
        self.register = Register {
            x: sum,
            y: *slope * (t.x - sum) - t.y,
            y_polynomial: Some(s.times(&ptx.minus(&psum)).minus(&t.y_polynomial)),
            x_cells: Some(x_cells),
        };
    }

    /// Reduces y; the cells of its limbs.
    pub(crate) fn reduce(&mut self) -> [Cell; LIMBS] {
        let y = self.register.y;
        let equation = Polynomial::of(&y).minus(&self.y_polynomial());
        let last = self.equations(&[equation], Use::None);
        let cells = self.element(&y, last);
        self.step(Step::Reduce, None);
        self.register.y_polynomial = None;
        cells
    }

    /// Doubles the register, whose y is reduced.
    pub(crate) fn double_reduced(&mut self) {
        let id = self.table_id();
        self.entry(id, 0, false);
        self.double_entry(id);
    }

    /// The register with the cells of its limbs. Its x must have been computed, not read.
    pub(crate) fn limbs(&mut self) -> Option<LoadedPoint> {
        let y = self.reduce();
        self.register.x_cells.map(|x| LoadedPoint { x, y })
    }

    /// The field elements of a point in the transcript.
    pub(crate) fn point_elements(&mut self, point: &LoadedPoint) -> [Cell; 3] {
        let step = power_of_two(PACK_BITS);
        let LoadedPoint { x, y } = point;
        [[x[0], x[1]], [x[2], y[0]], [y[1], y[2]]]
            .map(|[low, high]| self.add_scaled(low, high, step))
    }
}
