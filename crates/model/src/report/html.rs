//! The report as one page: tables and inline SVG.

use std::fmt::Write;

use super::Report;
use super::bars::bars;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;\
padding:0 1rem;color:#1d2733}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%;font-size:.85rem}td,th{border-bottom:1px solid #d9e0e8;\
padding:.25rem .5rem;text-align:right}td:first-child,th:first-child{text-align:left}\
figure{display:inline-block;margin:0 1rem 1rem 0}svg{background:#f6f8fa}\
.plot{fill:#1f6feb;fill-opacity:.55}.reach{fill:#d3dde8}.high{fill:#d1242f}.axis{stroke:#8894a2;stroke-width:1}text{font-size:11px;fill:#445}";

/// Side of the drawings.
const SIZE: f64 = 380.0;
/// Space for labels.
const EDGE: f64 = 34.0;

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    let title = escape(&report.model);
    page += "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">";
    page += &format!("<title>Accuracy of {title}</title><style>{STYLE}</style></head><body>\n");
    page += &format!("<h1>Accuracy of {title}: integer against float</h1>\n");
    page += &summary(report);
    page += &scatter(report);
    page += &histogram(report);
    page += &circuit(report);
    page += &bars(report);
    page += &whole_box(report);
    page += &attempts(report);
    page += &nodes(report);
    page += &features(report);
    page += &outputs(report);
    page += "</body></html>\n";
    page
}

fn summary(report: &Report) -> String {
    let e = &report.error;
    let p = &report.error_percent;
    let mut text = format!(
        "<p>{} rows ({} more lie outside the domain box). Digits of {} bits, {} per input. \
         Class agreement <b>{:.2} %</b> ({}).</p>\n",
        report.rows,
        report.rows_outside_domain,
        report.digit_bits,
        report.input_digits,
        report.agreement * 100.0,
        escape(&report.class_rule)
    );
    if let Some(difference) = report.golden_difference {
        text += &format!(
            "<p>Float executor against the outputs given with the data: at most {} of the \
             output range apart.</p>\n",
            number(difference)
        );
    }
    let row = |name: &str, values: [f64; 5]| {
        let cells = values.map(number);
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        line(name, &cells)
    };
    text += &table(
        &[
            "absolute error",
            "mean",
            "median",
            "90 %",
            "99 %",
            "largest",
        ],
        row("in units", [e.mean, e.p50, e.p90, e.p99, e.max])
            + &row("% of output range", [p.mean, p.p50, p.p90, p.p99, p.max]),
    );
    text
}

fn scatter(report: &Report) -> String {
    let values = || report.points.iter().flat_map(|(_, a, b)| [*a, *b]);
    let lo = values().fold(f64::INFINITY, f64::min);
    let hi = values().fold(f64::NEG_INFINITY, f64::max);
    let span = if hi > lo { hi - lo } else { 1.0 };
    let inner = SIZE - 2.0 * EDGE;
    let at = |v: f64| EDGE + (v - lo) / span * inner;
    let mut drawing = format!(
        "<line class=\"axis\" x1=\"{EDGE}\" y1=\"{0}\" x2=\"{0}\" y2=\"{EDGE}\"/>",
        SIZE - EDGE
    );
    for (_, float, integer) in &report.points {
        let _ = write!(
            drawing,
            "<circle class=\"plot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
            at(*float),
            SIZE - at(*integer)
        );
    }
    drawing += &label(EDGE, SIZE - 12.0, &number(lo));
    drawing += &label(SIZE - EDGE - 20.0, SIZE - 12.0, &number(hi));
    figure("Float (right) against integer (up)", &drawing)
}

fn histogram(report: &Report) -> String {
    let histogram = &report.histogram;
    let most = histogram.counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let inner = SIZE - 2.0 * EDGE;
    let step = inner / histogram.counts.len().max(1) as f64;
    let mut drawing = String::new();
    for (bin, count) in histogram.counts.iter().enumerate() {
        let height = *count as f64 / most * inner;
        let _ = write!(
            drawing,
            "<rect class=\"plot\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            EDGE + bin as f64 * step,
            SIZE - EDGE - height,
            step * 0.9
        );
    }
    let _ = write!(
        drawing,
        "<line class=\"axis\" x1=\"{EDGE}\" y1=\"{0}\" x2=\"{0}\" y2=\"{0}\"/>",
        SIZE - EDGE
    );
    drawing += &label(EDGE, SIZE - 12.0, &number(histogram.lo));
    drawing += &label(SIZE - EDGE - 30.0, SIZE - 12.0, &number(histogram.hi));
    figure("Error (integer − float), in units", &drawing)
}

fn circuit(report: &Report) -> String {
    let Some(circuit) = &report.circuit else {
        return String::new();
    };
    format!(
        "<h2>Circuit</h2>\n<p>Shape {}, k = {}: {} of {} usable rows, {} of them for inputs, outputs \
         and commitments; {} table entries, {} public instances. Estimate: {}.</p>\n",
        escape(&circuit.shape),
        circuit.k,
        circuit.rows,
        circuit.usable_rows,
        circuit.other_rows,
        circuit.table_entries,
        circuit.instances,
        circuit.estimate
    )
}

fn whole_box(report: &Report) -> String {
    let b = &report.whole_box;
    format!(
        "<h2>Beyond the calibration data</h2>\n<p>{} points spread over the whole domain box, \
         most unlike any calibrated row: class agreement {:.1} %, mean error {} % and largest \
         error {} % of the output range, after float outputs are clamped to the range that can \
         be answered ({} of them were outside).</p>\n",
        b.points,
        b.agreement * 100.0,
        number(b.mean_error_percent),
        number(b.max_error_percent),
        b.saturated
    )
}

fn attempts(report: &Report) -> String {
    let rows = report.attempts.iter().map(|a| {
        line(
            &format!("{} bits", a.digit_bits),
            &[
                &number(a.mean_error_percent),
                &format!("{:.2}", a.agreement * 100.0),
                if a.reached { "yes" } else { "no" },
                &a.k.map_or(String::new(), |k| k.to_string()),
            ],
        )
    });
    section(
        "Digit widths tried",
        &[
            "width",
            "mean error %",
            "agreement %",
            "targets reached",
            "k",
        ],
        rows.collect(),
    )
}

fn nodes(report: &Report) -> String {
    let rows = report.nodes.iter().map(|n| {
        let part = |count: u64| format!("{:.2} %", count as f64 * 100.0 / n.values.max(1) as f64);
        let range = |(lo, hi): (i64, i64)| format!("{lo} … {hi}");
        let float = n.float_range;
        let float = float.map_or(String::new(), |(lo, hi)| {
            format!("{} … {}", number(lo), number(hi))
        });
        line(
            &escape(&n.name),
            &[
                &n.op,
                &format!("{} × {}", n.outputs, n.inputs),
                &n.weight_bits.to_string(),
                &float,
                &range(n.seen),
                &range(n.reachable),
                &part(n.clamped_low),
                &part(n.clamped_high),
                &n.rows.map_or(String::new(), |rows| rows.to_string()),
            ],
        )
    });
    section(
        "Nodes",
        &[
            "node",
            "operator",
            "outputs × inputs",
            "weight bits",
            "float range",
            "seen",
            "reachable in the box",
            "at 0",
            "saturated",
            "rows",
        ],
        rows.collect(),
    )
}

fn features(report: &Report) -> String {
    let rows = report.features.iter().map(|f| {
        line(
            &escape(&f.name),
            &[
                &f.decimals.to_string(),
                &format!("{} … {}", number(f.lo), number(f.hi)),
                &format!("{} … {}", number(f.seen_lo), number(f.seen_hi)),
                &format!("{:.0} %", f.coverage * 100.0),
            ],
        )
    });
    section(
        "Inputs",
        &[
            "feature",
            "decimals",
            "domain box",
            "calibrated",
            "coverage",
        ],
        rows.collect(),
    )
}

fn outputs(report: &Report) -> String {
    let rows = report.outputs.iter().map(|o| {
        line(
            &escape(&o.name),
            &[
                &number(o.step),
                &format!("{} … {}", number(o.min), number(o.max)),
            ],
        )
    });
    section("Outputs", &["output", "step", "range"], rows.collect())
}

fn section(title: &str, heads: &[&str], rows: String) -> String {
    format!("<h2>{title}</h2>\n{}", table(heads, rows))
}

fn table(heads: &[&str], rows: String) -> String {
    let heads: String = heads.iter().map(|h| format!("<th>{h}</th>")).collect();
    format!("<table><tr>{heads}</tr>\n{rows}</table>\n")
}

fn line(name: &str, cells: &[&str]) -> String {
    let cells: String = cells.iter().map(|c| format!("<td>{c}</td>")).collect();
    format!("<tr><td>{name}</td>{cells}</tr>\n")
}

fn figure(caption: &str, drawing: &str) -> String {
    format!(
        "<figure><svg width=\"{SIZE}\" height=\"{SIZE}\" role=\"img\" aria-label=\"{caption}\">\
         {drawing}</svg><figcaption>{caption}</figcaption></figure>\n"
    )
}

fn label(x: f64, y: f64, text: &str) -> String {
    format!("<text x=\"{x:.0}\" y=\"{y:.0}\">{text}</text>")
}

/// Four figures.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let figures = 3 - value.abs().log10().floor() as i32;
    match figures {
        0..=9 => {
            let text = format!("{value:.*}", figures as usize);
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').into(),
                false => text,
            }
        }
        ..0 => format!("{value:.0}"),
        _ => format!("{value:.2e}"),
    }
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
