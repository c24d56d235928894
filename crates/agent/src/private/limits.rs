//! How much the intake takes on: requests per minute, requests at a time.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Credit that a token costs; a bucket of `n` tokens per minute earns `n` each nanosecond.
const TOKEN: u128 = 60_000_000_000;

/// A bucket that holds a minute's worth of tokens and fills up evenly.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_minute: u128,
    state: Mutex<(u128, Instant)>,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_minute: u32, now: Instant) -> Self {
        let per_minute = u128::from(per_minute);
        Self {
            per_minute,
            state: Mutex::new((per_minute * TOKEN, now)),
        }
    }

    /// Takes a token; if there is none, the seconds until there is one.
    pub(crate) fn take(&self, now: Instant) -> Result<(), u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (credit, last) = *state;
        let earned = now.saturating_duration_since(last).as_nanos() * self.per_minute;
        let credit = (credit + earned).min(self.per_minute * TOKEN);
        let Some(rest) = credit.checked_sub(TOKEN) else {
            *state = (credit, now);
            let seconds = (TOKEN - credit).div_ceil(self.per_minute.max(1) * 1_000_000_000);
            return Err(seconds.try_into().unwrap_or(u64::MAX));
        };
        *state = (rest, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_minute_has_its_number_and_then_waits() {
        let start = Instant::now();
        let bucket = Bucket::new(3, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(20));
        assert_eq!(bucket.take(start + Duration::from_secs(19)), Err(1));
        assert_eq!(bucket.take(start + Duration::from_secs(20)), Ok(()));
        // It never holds more than a minute's worth.
        let later = start + Duration::from_secs(3_600);
        for _ in 0..3 {
            assert_eq!(bucket.take(later), Ok(()));
        }
        assert_eq!(bucket.take(later), Err(20));
    }
}
