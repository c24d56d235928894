//! Sets of integers as intervals.

/// Ascending, disjoint, not adjacent, inclusive intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Region(Vec<(u64, u64)>);

impl Region {
    /// All of `[lo, hi]`.
    pub(super) fn interval(lo: u64, hi: u64) -> Self {
        Self(vec![(lo, hi)])
    }

    /// Any intervals, in any order, overlapping or not.
    pub(super) fn union(mut intervals: Vec<(u64, u64)>) -> Self {
        intervals.sort_unstable();
        let mut all: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
        for (lo, hi) in intervals {
            match all.last_mut() {
                Some(last) if lo <= last.1.saturating_add(1) => last.1 = last.1.max(hi),
                _ => all.push((lo, hi)),
            }
        }
        Self(all)
    }

    pub(super) fn intervals(&self) -> &[(u64, u64)] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn intersect(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let (lo, hi) = (x.0.max(y.0), x.1.min(y.1));
            if lo <= hi {
                both.push((lo, hi));
            }
            if x.1 < y.1 {
                a.next();
            } else {
                b.next();
            }
        }
        Self(both)
    }

    /// What is in `self` and not in `other`.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut gaps = Vec::with_capacity(other.0.len() + 1);
        let mut from = Some(0);
        for (lo, hi) in &other.0 {
            if let (Some(from), Some(before)) = (from, lo.checked_sub(1))
                && from <= before
            {
                gaps.push((from, before));
            }
            from = hi.checked_add(1);
        }
        gaps.extend(from.map(|from| (from, u64::MAX)));
        self.intersect(&Self(gaps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn region(bits: u32) -> Region {
        let members = (0..32u64).filter(|v| bits >> v & 1 == 1);
        Region::union(members.map(|v| (v, v)).collect())
    }

    fn bits(region: &Region) -> u32 {
        let mut bits = 0;
        for v in 0..32u64 {
            let inside = region.0.iter().any(|(lo, hi)| *lo <= v && v <= *hi);
            bits |= u32::from(inside) << v;
        }
        bits
    }

    proptest! {
        #[test]
        fn are_sets(a: u32, b: u32) {
            prop_assert_eq!(bits(&region(a)), a);
            let (x, y) = (region(a), region(b));
            prop_assert_eq!(x.intersect(&y), region(a & b));
            prop_assert_eq!(x.minus(&y), region(a & !b));
            let both = x.0.iter().chain(&y.0).copied().collect();
            prop_assert_eq!(Region::union(both), region(a | b));
            prop_assert!(x.minus(&x).is_empty());
        }
    }

    #[test]
    fn reach_the_largest_integer() {
        let all = Region::interval(0, u64::MAX);
        let top = Region::interval(7, u64::MAX);
        assert_eq!(all.minus(&top), Region::interval(0, 6));
        assert_eq!(all.minus(&Region::interval(0, 6)), top);
        assert!(top.minus(&all).is_empty());
    }
}
