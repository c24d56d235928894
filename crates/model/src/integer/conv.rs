//! Two-dimensional convolution over integers.

use serde::{Deserialize, Serialize};

/// Shape and weights of a convolution; one dimension is height 1.
///
/// Inputs are in order channel, row, column; outputs in order filter, row, column. Taps outside
/// the image contribute nothing: what padding with a real zero adds is part of the bias, which
/// is therefore given per output. Of several images each has its inputs and outputs behind those
/// of the image before, under the same weights and biases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv {
    /// Input channels.
    pub channels: u32,
    /// Input rows.
    pub height: u32,
    /// Input columns.
    pub width: u32,
    /// Output channels.
    pub filters: u32,
    /// Kernel rows and columns.
    pub kernel: [u32; 2],
    /// Step between outputs, in rows and columns.
    pub stride: [u32; 2],
    /// Step between taps, in rows and columns.
    pub dilation: [u32; 2],
    /// Rows and columns outside the image: top, left, bottom, right.
    pub pads: [u32; 4],
    /// Filters and channels are split into this many independent groups.
    pub groups: u32,
    /// Independent images.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub items: u32,
    /// Order filter, channel of its group, kernel row, kernel column.
    pub weights: Vec<i64>,
    /// One per output of an image.
    pub bias: Vec<i64>,
}

fn one() -> u32 {
    1
}

fn is_one(items: &u32) -> bool {
    *items == 1
}

/// One term of an output: input position and index of its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Position in the node's inputs.
    pub input: usize,
    /// Index into [`Conv::weights`].
    pub weight: usize,
}

/// A run of terms with one weight: outputs `output..output + count` read the inputs `input`,
/// `input + stride`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index into [`Conv::weights`].
    pub weight: usize,
    /// First output.
    pub output: usize,
    /// First input.
    pub input: usize,
    /// Number of terms.
    pub count: usize,
    /// Step between inputs.
    pub stride: usize,
}

impl Conv {
    /// Output rows and columns; 0 where the kernel does not fit.
    pub fn output_size(&self) -> [u32; 2] {
        let [top, left, bottom, right] = self.pads.map(u64::from);
        let size = |image: u32, pads: u64, axis: usize| {
            let image = u64::from(image) + pads;
            let [kernel, dilation, stride] =
                [self.kernel, self.dilation, self.stride].map(|v| u64::from(v[axis]));
            let span = dilation * kernel.saturating_sub(1) + 1;
            match image.checked_sub(span) {
                Some(room) => (room / stride.max(1) + 1) as u32,
                None => 0,
            }
        };
        [
            size(self.height, top + bottom, 0),
            size(self.width, left + right, 1),
        ]
    }

    /// Number of outputs of one image.
    pub fn item_outputs(&self) -> usize {
        let [rows, columns] = self.output_size();
        self.filters as usize * rows as usize * columns as usize
    }

    /// Number of inputs of one image.
    pub fn item_inputs(&self) -> usize {
        self.channels as usize * self.height as usize * self.width as usize
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.items as usize * self.item_outputs()
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.items as usize * self.item_inputs()
    }

    /// Number of weights that the shape asks for.
    pub fn weight_count(&self) -> usize {
        let channels = self.channels / self.groups.max(1);
        [self.filters, channels, self.kernel[0], self.kernel[1]]
            .into_iter()
            .map(|v| v as usize)
            .product()
    }

    /// The taps of one output that lie inside the image.
    pub fn taps(&self, output: usize) -> impl Iterator<Item = Tap> + '_ {
        let [rows, columns] = self.output_size().map(|v| v as usize);
        let first = output / self.item_outputs() * self.item_inputs();
        let output = output % self.item_outputs();
        let filter = output / (rows * columns);
        let (row, column) = (output / columns % rows, output % columns);
        let channels = (self.channels / self.groups) as usize;
        let group = filter / (self.filters / self.groups) as usize;
        let [kernel_rows, kernel_columns] = self.kernel.map(|v| v as usize);
        (0..channels).flat_map(move |channel| {
            (0..kernel_rows).flat_map(move |ky| {
                (0..kernel_columns).filter_map(move |kx| {
                    let y = self.source(0, row, ky)?;
                    let x = self.source(1, column, kx)?;
                    let plane = group * channels + channel;
                    let weight =
                        ((filter * channels + channel) * kernel_rows + ky) * kernel_columns + kx;
                    Some(Tap {
                        input: first + (plane * self.height as usize + y) * self.width as usize + x,
                        weight,
                    })
                })
            })
        })
    }

    /// Calls `run` with every term of every output, as runs along rows of outputs, filter by
    /// filter. The fast way through a convolution; [`Self::taps`] are the same terms by output.
    pub fn spans(&self, mut run: impl FnMut(Span)) {
        let (inputs, outputs) = (self.item_inputs(), self.item_outputs());
        for item in 0..self.items as usize {
            self.item_spans(|span| {
                run(Span {
                    output: item * outputs + span.output,
                    input: item * inputs + span.input,
                    ..span
                });
            });
        }
    }

    /// [`Self::spans`] of the first image.
    fn item_spans(&self, mut run: impl FnMut(Span)) {
        let [rows, columns] = self.output_size().map(|v| v as usize);
        let channels = (self.channels / self.groups) as usize;
        let per_group = (self.filters / self.groups) as usize;
        let [kernel_rows, kernel_columns] = self.kernel.map(|v| v as usize);
        let inside = [0, 1].map(|axis| {
            let taps = [kernel_rows, kernel_columns][axis];
            let outputs = [rows, columns][axis];
            (0..taps)
                .map(|tap| self.outputs_inside(axis, tap, outputs))
                .collect::<Vec<_>>()
        });
        for filter in 0..self.filters as usize {
            let group = filter / per_group;
            for channel in 0..channels {
                let plane = (group * channels + channel) * self.height as usize;
                for (ky, (top, bottom)) in inside[0].iter().enumerate() {
                    for (kx, (left, right)) in inside[1].iter().enumerate() {
                        let weight = ((filter * channels + channel) * kernel_rows + ky)
                            * kernel_columns
                            + kx;
                        for row in *top..*bottom {
                            let (Some(y), Some(x)) =
                                (self.source(0, row, ky), self.source(1, *left, kx))
                            else {
                                continue;
                            };
                            run(Span {
                                weight,
                                output: (filter * rows + row) * columns + left,
                                input: (plane + y) * self.width as usize + x,
                                count: right - left,
                                stride: self.stride[1] as usize,
                            });
                        }
                    }
                }
            }
        }
    }

    /// The range of output rows or columns for which a tap lies inside the image.
    fn outputs_inside(&self, axis: usize, tap: usize, outputs: usize) -> (usize, usize) {
        let first = (0..outputs).find(|output| self.source(axis, *output, tap).is_some());
        let Some(first) = first else { return (0, 0) };
        let inside = (first..outputs).take_while(|o| self.source(axis, *o, tap).is_some());
        (first, first + inside.count())
    }

    /// Row (axis 0) or column (axis 1) of the image that a tap of an output reads.
    fn source(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        let from = output * self.stride[axis] as usize + tap * self.dilation[axis] as usize;
        let size = [self.height, self.width][axis] as usize;
        from.checked_sub(self.pads[axis] as usize)
            .filter(|at| *at < size)
    }
}
