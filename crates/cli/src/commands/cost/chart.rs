//! Gas per request over the size of a full batch, as a drawing that stands alone.

use std::fmt::Write;

use haloracle_agent::cost::{Cost, Model, Way};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const TOP: f64 = 50.0;
const RIGHT: f64 = 200.0;
const BOTTOM: f64 = 60.0;
/// Sizes that are drawn: powers of two up to the largest batch.
const DOUBLINGS: u32 = 8;
/// Powers of ten of the gas axis.
const DECADES: std::ops::RangeInclusive<i32> = 3..=6;

struct Series {
    name: &'static str,
    color: &'static str,
    points: Vec<(u32, u64)>,
}

/// The drawing for `model`.
pub(super) fn draw(model: &Model, name: &str) -> String {
    let sizes = || (1..=DOUBLINGS).map(|power| 1u32 << power);
    let each = |way: Way| {
        let cost = Cost::new(model, way, way.items());
        (way.items(), cost.gas / u64::from(cost.requests))
    };
    let (_, single) = each(Way::Single);
    let slots = || (1..=4).map(|power| 1u32 << power);
    let series = [
        Series {
            name: "single",
            color: "#767676",
            points: std::iter::once(1)
                .chain(sizes())
                .map(|n| (n, single))
                .collect(),
        },
        Series {
            name: "batch, results stored",
            color: "#0b62a4",
            points: sizes().map(|items| each(Way::Batch { items })).collect(),
        },
        Series {
            name: "recursive, any models",
            color: "#4a7a2a",
            points: slots()
                .map(|slots| each(Way::Aggregate { slots }))
                .collect(),
        },
        Series {
            name: "batch, root alone",
            color: "#b3541e",
            points: sizes().map(|items| each(Way::Root { items })).collect(),
        },
    ];
    page(&series, name)
}

fn x(size: u32) -> f64 {
    LEFT + f64::from(size).log2() / f64::from(DOUBLINGS) * (WIDTH - LEFT - RIGHT)
}

fn y(gas: f64) -> f64 {
    let (low, high) = (f64::from(*DECADES.start()), f64::from(*DECADES.end()));
    let part = (gas.log10() - low) / (high - low);
    HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
}

fn page(series: &[Series], name: &str) -> String {
    let name = name.replace('&', "&amp;").replace('<', "&lt;");
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\">Gas per request, {name}</text>\n"
    );
    let mut line = |text: String| {
        svg.push_str(&text);
        svg.push('\n');
    };
    for power in DECADES {
        let at = y(10f64.powi(power));
        let label = match power {
            3 => "1 k",
            4 => "10 k",
            5 => "100 k",
            _ => "1 M",
        };
        line(format!(
            "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        ));
    }
    for power in 0..=DOUBLINGS {
        let size = 1 << power;
        line(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{size}</text>",
            x(size),
            HEIGHT - BOTTOM + 20.0
        ));
    }
    line(format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">requests settled by one proof</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 16.0
    ));
    for one in series {
        let mut path = String::new();
        for (at, (size, gas)) in one.points.iter().enumerate() {
            let command = if at == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x(*size), y(*gas as f64));
        }
        line(format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            one.color
        ));
        let Some((size, gas)) = one.points.last() else {
            continue;
        };
        line(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{}\">{}: {gas}</text>",
            x(*size) + 6.0,
            y(*gas as f64) + 4.0,
            one.color,
            one.name
        ));
    }
    line("</svg>".into());
    svg
}
