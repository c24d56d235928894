//! The table of operators as a page of the documentation.

use std::fmt::Write;

use crate::{ML_OPSETS, OPSETS, Operator, operators};

/// The page `docs/operators.md`: every supported operator, by family.
pub fn operators_page() -> String {
    let mut page = format!(
        "# Operators\n\n\
         `haloracle ops` prints this list; `haloracle ops --markdown` writes this page. Read are \
         ONNX files of opset {} to {} (ONNX-ML {} to {}) with a batch of one. Where nothing is \
         said, all attributes and all forms of an operator are supported. Anything else is an \
         error that names node and operator; nothing is ignored.\n\n\
         *Constant* means known when the model is read: a weight, or computed from weights and \
         shapes alone. Shape operators cost nothing in a proof: they choose values.\n",
        OPSETS.start(),
        OPSETS.end(),
        ML_OPSETS.start(),
        ML_OPSETS.end(),
    );
    let mut families: Vec<&str> = operators().iter().map(|operator| operator.family).collect();
    families.dedup();
    for family in families {
        let own: Vec<&Operator> = operators().iter().filter(|o| o.family == family).collect();
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n## {family}\n\n| operator | supported |\n| --- | --- |\n"
        );
        for operator in own {
            let limits = if operator.limits.is_empty() {
                "all"
            } else {
                operator.limits
            };
            let _ = writeln!(page, "| {} | {limits} |", operator.name);
        }
    }
    page.push_str(
        "\n## Not supported\n\n\
         Control flow (If, Loop, Scan), weights in other files, sparse weights, operators of \
         other domains, functions that a model defines, strings as inputs, shapes that depend on \
         values.\n",
    );
    page
}
