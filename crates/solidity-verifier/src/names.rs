//! Names of the generated contract's memory slots.

use crate::protocol::{Challenge, Point, Polynomial};

/// Slot of a polynomial's commitment.
pub(crate) fn commitment(polynomial: Polynomial) -> String {
    format!("C_{}", polynomial_name(polynomial))
}

/// Slot of a proof point.
pub(crate) fn point(point: Point) -> String {
    match point {
        Point::Advice(column) => commitment(Polynomial::Advice(column)),
        Point::Product(chunk) => commitment(Polynomial::Product(chunk)),
        Point::Random => commitment(Polynomial::Random),
        // The pieces are put together in the slot of the first one.
        Point::QuotientPiece(0) => commitment(Polynomial::Quotient),
        Point::QuotientPiece(piece) => format!("C_QUOTIENT_{piece}"),
        Point::W => "W".into(),
        Point::WPrime => "W_PRIME".into(),
    }
}

/// Slot of a polynomial's value at `x ω^rotation`.
pub(crate) fn evaluation(polynomial: Polynomial, rotation: i32) -> String {
    format!(
        "E_{}{}",
        polynomial_name(polynomial),
        rotation_suffix(rotation)
    )
}

/// Slot of a value that belongs to a rotation.
pub(crate) fn at_rotation(stem: &str, rotation: i32) -> String {
    format!("{stem}{}", rotation_suffix(rotation))
}

/// Slot of a challenge.
pub(crate) fn challenge(challenge: Challenge) -> String {
    match challenge {
        Challenge::Phase(index) => format!("CHALLENGE_{index}"),
        Challenge::Theta => "THETA".into(),
        Challenge::Beta => "BETA".into(),
        Challenge::Gamma => "GAMMA".into(),
        Challenge::Y => "Y".into(),
        Challenge::X => "X".into(),
        Challenge::Mu => "MU".into(),
        Challenge::Nu => "NU".into(),
        Challenge::U => "U".into(),
    }
}

fn polynomial_name(polynomial: Polynomial) -> String {
    match polynomial {
        Polynomial::Advice(column) => format!("ADVICE_{column}"),
        Polynomial::Fixed(column) => format!("FIXED_{column}"),
        Polynomial::Sigma(column) => format!("SIGMA_{column}"),
        Polynomial::Product(chunk) => format!("PRODUCT_{chunk}"),
        Polynomial::Random => "RANDOM".into(),
        Polynomial::Quotient => "QUOTIENT".into(),
    }
}

fn rotation_suffix(rotation: i32) -> String {
    match rotation {
        0 => String::new(),
        1 => "_NEXT".into(),
        -1 => "_PREV".into(),
        _ if rotation > 0 => format!("_PLUS_{rotation}"),
        _ => format!("_MINUS_{}", rotation.unsigned_abs()),
    }
}
