//! Interval propagation: what every accumulator can reach over the whole input box.

use crate::integer::IntegerModel;

impl IntegerModel {
    /// Per layer and unit, the least and the largest `u = b + W x` over every input of the
    /// domain box, by interval arithmetic: safe, not tight.
    pub fn bounds(&self) -> Vec<Vec<(i64, i64)>> {
        let mut ranges = self.digit_ranges();
        let max = i64::from(self.max_digit());
        let mut all = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let bounds: Vec<(i64, i64)> = layer
                .weights
                .iter()
                .zip(&layer.bias)
                .map(|(row, bias)| {
                    row.iter().zip(&ranges).fold((*bias, *bias), |(low, high), (w, range)| {
                        let ends = [w * i64::from(range.0), w * i64::from(range.1)];
                        (low + ends[0].min(ends[1]), high + ends[0].max(ends[1]))
                    })
                })
                .collect();
            ranges = bounds
                .iter()
                .map(|(low, high)| {
                    let clamp = |u: i64| (u >> self.digit_bits).clamp(0, max) as u32;
                    let (low, high) = (clamp(*low), clamp(*high));
                    match &layer.table {
                        None => (low, high),
                        Some(table) => {
                            let reach = &table.values[low as usize..=high as usize];
                            let least = reach.iter().copied().min().unwrap_or(0);
                            (least, reach.iter().copied().max().unwrap_or(0))
                        }
                    }
                })
                .collect();
            all.push(bounds);
        }
        all
    }

    /// Range of each input digit: the top digits are limited by the feature's box.
    fn digit_ranges(&self) -> Vec<(u32, u32)> {
        let bits = self.digit_bits;
        let max = u64::from(self.max_digit());
        self.input
            .features
            .iter()
            .flat_map(|feature| {
                let width = (i64::from(feature.hi) - i64::from(feature.lo)) as u64;
                (0..self.input.digits).map(move |d| (0, (width >> (d * bits)).min(max) as u32))
            })
            .collect()
    }
}
