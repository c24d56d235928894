#!/usr/bin/env python3
"""The large random forests: 500 trees of depth at most 6, by scikit-learn and skl2onnx.

Fixed before anything was measured on them: the data, the seed, and with them the node counts,
which this script checks. Both come back bit for bit from the pinned versions, so `out/` holds
them and git does not. The one on digits (ten classes, fuller trees) is the harder.
"""

from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

import datasets
from publish import publish

OPSETS = {"": 17, "ai.onnx.ml": 1}
TREES = 500
DEPTH = 6
SEED = 0


def main():
    for name, data in {
        "forest_500": ("breast_cancer", datasets.breast_cancer()),
        "forest_500_digits": ("digits", datasets.digits()),
    }.items():
        title, rows = data
        forest = RandomForestClassifier(n_estimators=TREES, max_depth=DEPTH, random_state=SEED)
        forest.fit(rows.x, rows.y)
        model = to_onnx(forest, rows.x[:1], target_opset=OPSETS, options={"zipmap": False}, name=name)
        entry = publish(
            title,
            name,
            model,
            rows,
            script=__file__,
            data=title,
            decision="argmax",
            big=name.endswith("digits"),
            layers=f"random forest, {TREES} trees of depth at most {DEPTH}, {len(forest.classes_)} classes",
            reference=forest.predict(rows.x_test),
        )
        nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
        assert entry["trees"] == TREES and entry["tree_nodes"] == nodes, (entry, nodes)


if __name__ == "__main__":
    main()
