//! Arithmetic and hashing in the scalar field.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use haloracle_circuit::poseidon::{self, FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH};

use crate::config::{DIGITS, OPERANDS};
use crate::rows::{Builder, Cell, Mode, Place, Stream, W};

/// Coefficients of a plain row: `w = c_0 a b + c_1 a + c_2 b + c_3 c + c_4`.
pub(crate) type Coefficients = [Fr; 5];

fn small(values: [i64; 5]) -> Coefficients {
    values.map(|value| match value < 0 {
        true => -Fr::from(value.unsigned_abs()),
        false => Fr::from(value.unsigned_abs()),
    })
}

impl Builder {
    /// One plain row; operands that are left out are free cells, so their coefficients must be
    /// zero.
    pub(crate) fn plain_row(
        &mut self,
        operands: [Option<Cell>; 3],
        coefficients: Coefficients,
    ) -> Cell {
        let values = operands.map(|cell| cell.map_or(Fr::ZERO, |cell| cell.value));
        let [a, b, c] = values;
        let [c0, c1, c2, c3, c4] = coefficients;
        let w = c0 * a * b + c1 * a + c2 * b + c3 * c + c4;
        let mut d = [Fr::ZERO; DIGITS];
        d[..3].copy_from_slice(&values);
        let mut row = [Fr::ZERO; OPERANDS];
        row[..5].copy_from_slice(&coefficients);
        let row = self.push(Stream::Plain, Mode::Plain, row, d, w);
        for (column, cell) in operands.into_iter().enumerate() {
            if let Some(cell) = cell {
                let copy = Place {
                    stream: Stream::Plain,
                    row,
                    column: column as u8,
                };
                self.copies.push((copy, cell.place));
            }
        }
        Cell {
            place: Place {
                stream: Stream::Plain,
                row,
                column: W,
            },
            value: w,
        }
    }

    /// A cell of any value.
    pub fn witness(&mut self, value: Fr) -> Cell {
        let mut row = [Fr::ZERO; OPERANDS];
        row[1] = Fr::ONE;
        let mut d = [Fr::ZERO; DIGITS];
        d[0] = value;
        let row = self.push(Stream::Plain, Mode::Plain, row, d, value);
        let place = Place {
            stream: Stream::Plain,
            row,
            column: W,
        };
        Cell { place, value }
    }

    /// A cell that is fixed to `value`.
    pub fn constant(&mut self, value: Fr) -> Cell {
        let cached = match value {
            v if v == Fr::ZERO => self.zero,
            v if v == Fr::ONE => self.one,
            _ => None,
        };
        if let Some(cell) = cached {
            return cell;
        }
        let zero = Fr::ZERO;
        let cell = self.plain_row([None; 3], [zero, zero, zero, zero, value]);
        match value {
            v if v == Fr::ZERO => self.zero = Some(cell),
            v if v == Fr::ONE => self.one = Some(cell),
            _ => {}
        }
        cell
    }

    /// `a b`.
    pub fn mul(&mut self, a: Cell, b: Cell) -> Cell {
        self.plain_row([Some(a), Some(b), None], small([1, 0, 0, 0, 0]))
    }

    /// `a b + c`.
    pub fn mul_add(&mut self, a: Cell, b: Cell, c: Cell) -> Cell {
        self.plain_row([Some(a), Some(b), Some(c)], small([1, 0, 0, 1, 0]))
    }

    /// `a + b`.
    pub fn add(&mut self, a: Cell, b: Cell) -> Cell {
        self.plain_row([Some(a), Some(b), None], small([0, 1, 1, 0, 0]))
    }

    /// `a − b`.
    pub fn sub(&mut self, a: Cell, b: Cell) -> Cell {
        self.plain_row([Some(a), Some(b), None], small([0, 1, -1, 0, 0]))
    }

    /// `factor a + constant`.
    pub fn affine(&mut self, a: Cell, factor: Fr, constant: Fr) -> Cell {
        let zero = Fr::ZERO;
        self.plain_row([Some(a), None, None], [zero, factor, zero, zero, constant])
    }

    /// `a + factor b`.
    pub fn add_scaled(&mut self, a: Cell, b: Cell, factor: Fr) -> Cell {
        let mut coefficients = small([0, 1, 0, 0, 0]);
        coefficients[2] = factor;
        self.plain_row([Some(a), Some(b), None], coefficients)
    }

    /// Requires `a = 0`.
    pub fn zero(&mut self, a: Cell) {
        let zero = self.constant(Fr::ZERO);
        self.equal(a, zero);
    }

    /// Requires `a` to be 0 or 1.
    pub fn boolean(&mut self, a: Cell) {
        let square = self.mul(a, a);
        self.equal(square, a);
    }

    /// `1 / a`; requires `a` not to be 0.
    pub fn inverse(&mut self, a: Cell) -> Cell {
        let inverse = self.witness(Option::from(a.value.invert()).unwrap_or(Fr::ZERO));
        let product = self.mul(a, inverse);
        let one = self.constant(Fr::ONE);
        self.equal(product, one);
        inverse
    }

    /// `Π cells`.
    pub fn product(&mut self, cells: &[Cell]) -> Cell {
        match cells.split_first() {
            None => self.constant(Fr::ONE),
            Some((first, rest)) => {
                let mut product = *first;
                for cell in rest {
                    product = self.mul(product, *cell);
                }
                product
            }
        }
    }

    /// `Σ base^i cells_i`.
    pub fn horner(&mut self, cells: &[Cell], base: Cell) -> Cell {
        match cells.split_last() {
            None => self.constant(Fr::ZERO),
            Some((last, rest)) => {
                let mut sum = *last;
                for cell in rest.iter().rev() {
                    sum = self.mul_add(sum, base, *cell);
                }
                sum
            }
        }
    }

    /// Poseidon's permutation.
    pub(crate) fn permute(&mut self, state: [Cell; WIDTH]) -> [Cell; WIDTH] {
        let rounds = FULL_ROUNDS + PARTIAL_ROUNDS;
        let constants = &poseidon::parameters().constants;
        let mut values = state.map(|cell| cell.value);
        for (round, constants) in constants.iter().enumerate().take(rounds) {
            let full = poseidon::is_full(round);
            let mut d = [Fr::ZERO; DIGITS];
            let mut boxed = values;
            for j in 0..WIDTH {
                d[j] = values[j];
                boxed[j] += constants[j];
                if full || j == 0 {
                    d[WIDTH + j] = boxed[j].square();
                    boxed[j] *= d[WIDTH + j].square();
                }
            }
            let mut operands = [Fr::ZERO; OPERANDS];
            operands[..WIDTH].copy_from_slice(constants);
            let mode = if full { Mode::Full } else { Mode::Partial };
            let row = self.push(Stream::Plain, mode, operands, d, Fr::ZERO);
            if round == 0 {
                for (column, cell) in state.iter().enumerate() {
                    let place = Place {
                        stream: Stream::Plain,
                        row,
                        column: column as u8,
                    };
                    self.copies.push((place, cell.place));
                }
            }
            values = poseidon::mix(boxed);
        }
        // The row that the last round writes to.
        let mut d = [Fr::ZERO; DIGITS];
        d[..WIDTH].copy_from_slice(&values);
        let none = [Fr::ZERO; OPERANDS];
        let row = self.push(Stream::Plain, Mode::Plain, none, d, Fr::ZERO);
        std::array::from_fn(|column| Cell {
            place: Place {
                stream: Stream::Plain,
                row,
                column: column as u8,
            },
            value: values[column],
        })
    }

    /// Absorbs `elements` into `state`.
    pub(crate) fn absorb(&mut self, mut state: [Cell; WIDTH], elements: &[Cell]) -> [Cell; WIDTH] {
        for chunk in elements.chunks(RATE) {
            for (index, element) in chunk.iter().enumerate() {
                let before = state[1 + index];
                state[1 + index] = match self.zero {
                    Some(zero) if zero == before => *element,
                    _ => self.add(before, *element),
                };
            }
            state = self.permute(state);
        }
        state
    }

    /// The sponge of `haloracle_circuit::poseidon::hash`.
    pub fn hash(&mut self, capacity: Cell, elements: &[Cell]) -> Cell {
        let zero = self.constant(Fr::ZERO);
        self.absorb([capacity, zero, zero], elements)[1]
    }
}
