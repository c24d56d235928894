//! Bars per node: rows, the part of its reach that was seen, saturation.

use std::fmt::Write;

use super::html::{escape, number};
use super::{NodeReport, Report};

/// Nodes that are drawn: of more, those with the most rows, or the first.
const MAX_NODES: usize = 24;
const WIDTH: f64 = 900.0;
/// Where bars begin, and how long they are at most.
const LEFT: f64 = 230.0;
const LENGTH: f64 = 420.0;
const HEIGHT: f64 = 18.0;

/// One bar: from and to as parts of the length, and what is written beside it.
struct Bar {
    name: String,
    parts: Vec<(&'static str, f64, f64)>,
    text: String,
}

/// The drawings, of nodes in their order.
pub(super) fn bars(report: &Report) -> String {
    let nodes: Vec<&NodeReport> = report.nodes.iter().collect();
    let mut page = rows(report, &nodes);
    page += &ranges(&nodes);
    page += &saturation(&nodes);
    page
}

fn rows(report: &Report, nodes: &[&NodeReport]) -> String {
    let Some(circuit) = &report.circuit else {
        return String::new();
    };
    let counted = nodes.iter().filter_map(|n| Some((n.name.clone(), n.rows?)));
    let mut all: Vec<(usize, (String, u64))> = counted
        .chain([(
            "inputs, outputs, commitments".to_owned(),
            circuit.other_rows,
        )])
        .enumerate()
        .collect();
    let left_out = all.len().saturating_sub(MAX_NODES);
    all.sort_by_key(|(at, (_, rows))| (std::cmp::Reverse(*rows), *at));
    all.truncate(MAX_NODES);
    all.sort_by_key(|(at, _)| *at);
    let most = all.iter().map(|(_, (_, rows))| *rows).max().unwrap_or(1);
    let bars = all.into_iter().map(|(_, (name, rows))| Bar {
        name,
        parts: vec![("plot", 0.0, rows as f64 / most.max(1) as f64)],
        text: rows.to_string(),
    });
    draw("Rows per node", bars.collect(), left_out)
}

fn ranges(nodes: &[&NodeReport]) -> String {
    let left_out = nodes.len().saturating_sub(MAX_NODES);
    let bars = nodes.iter().take(MAX_NODES).filter_map(|node| {
        let ((lo, hi), (seen_lo, seen_hi)) = (node.reachable, node.seen);
        if lo > hi || seen_lo > seen_hi {
            return None;
        }
        let width = (hi as f64 - lo as f64).max(1.0);
        let at = |v: i64| ((v as f64 - lo as f64) / width).clamp(0.0, 1.0);
        let text = match node.float_range {
            Some((lo, hi)) => format!("{} … {} in units", number(lo), number(hi)),
            None => format!("{seen_lo} … {seen_hi}"),
        };
        Some(Bar {
            name: node.name.clone(),
            parts: vec![("reach", 0.0, 1.0), ("plot", at(seen_lo), at(seen_hi))],
            text,
        })
    });
    let title = "Range per node: calibrated (dark) within what the box can reach (light)";
    draw(title, bars.collect(), left_out)
}

fn saturation(nodes: &[&NodeReport]) -> String {
    let left_out = nodes.len().saturating_sub(MAX_NODES);
    let bars = nodes.iter().take(MAX_NODES).map(|node| {
        let part = |count: u64| count as f64 / node.values.max(1) as f64;
        let (low, high) = (part(node.clamped_low), part(node.clamped_high));
        Bar {
            name: node.name.clone(),
            parts: vec![("plot", 0.0, low), ("high", low, low + high)],
            text: format!("{:.2} % at 0, {:.2} % saturated", low * 100.0, high * 100.0),
        }
    });
    let title = "Clamped digits per node: at 0 (blue; a ReLU's work), at the largest (red)";
    draw(title, bars.collect(), left_out)
}

fn draw(title: &str, bars: Vec<Bar>, left_out: usize) -> String {
    if bars.is_empty() {
        return String::new();
    }
    let height = bars.len() as f64 * HEIGHT + 8.0;
    let mut drawing = String::new();
    for (index, bar) in bars.iter().enumerate() {
        let y = index as f64 * HEIGHT + 4.0;
        let mut name: String = bar.name.chars().take(34).collect();
        if name != bar.name {
            name.push('…');
        }
        let _ = write!(
            drawing,
            "<text x=\"4\" y=\"{:.1}\">{}</text>",
            y + 12.0,
            escape(&name)
        );
        for (class, from, to) in bar.parts.iter().filter(|(_, from, to)| to > from) {
            let _ = write!(
                drawing,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                LEFT + from * LENGTH,
                y + 2.0,
                ((to - from) * LENGTH).max(1.0),
                HEIGHT - 5.0
            );
        }
        let _ = write!(
            drawing,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT + LENGTH + 6.0,
            y + 12.0,
            escape(&bar.text)
        );
    }
    let more = match left_out {
        0 => String::new(),
        count => format!(" ({count} more in the table)"),
    };
    format!(
        "<figure><svg width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\">\
         {drawing}</svg><figcaption>{title}{more}</figcaption></figure>\n"
    )
}
