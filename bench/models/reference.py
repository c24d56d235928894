#!/usr/bin/env python3
"""Calibration rows and manifest entries for the six models that no script here made.

They came first, with the figures that the others are measured against, and are kept as they are:
their bytes are inputs here, never outputs. The golden rows are the first 100 of the test part of
`datasets.py`; this script checks that, and onnxruntime's answers, before it writes anything.
"""

import numpy as np
import onnx

import datasets
from publish import CALIBRATION_ROWS, ROOT, Runner, parameters, record, rule, scores, sha256, tree_nodes

MODELS = {
    "breast_cancer/logreg": ("scaler, 30-1, sigmoid", 0.5),
    "breast_cancer/logreg_std": ("30-1, sigmoid, on standardised features", 0.5),
    "breast_cancer/mlp_small": ("30-32-16-1 ReLU, logit, on standardised features", 0.0),
    "breast_cancer/trees": ("TreeEnsembleClassifier: 50 trees of depth at most 4, 2 classes", "argmax"),
    "digits/cnn_digits": ("8x8, conv 3x3 (padded), ReLU, max pool 2, conv 3x3, ReLU, dense to 10", "argmax"),
    "digits/mlp_large": ("784-256-128-10 ReLU, digits upsampled to 28x28", "argmax"),
}
STANDARDISED = ("logreg_std", "mlp_small")


def rows(name):
    """The split, in the features that the model takes."""
    if name == "mlp_large":
        return datasets.digits(28)
    if name == "cnn_digits":
        return datasets.digits()
    data = datasets.breast_cancer()
    if name in STANDARDISED:
        raw = data.x.astype(np.float64)
        mean, scale = raw.mean(axis=0), raw.std(axis=0)
        data.x = ((data.x - mean) / scale).astype(np.float32)
        data.x_test = ((data.x_test - mean) / scale).astype(np.float32)
    return data


def main():
    for key, (layers, decision) in MODELS.items():
        folder, name = key.split("/")
        path = ROOT / "models" / f"{key}.onnx"
        golden = np.load(path.with_suffix(".npz"))
        data = rows(name)
        split_gap = np.abs(golden["x"] - data.x_test[:100]).max()
        assert split_gap < 1e-4, (name, split_gap)
        model = onnx.load(path)
        runner = Runner(model)
        y, label = runner.rows(golden["x"])
        gap = np.abs(y - golden["y"]).max() / np.ptp(y)
        assert gap < 1e-5, (name, gap)
        labels = np.load(path.parent / "labels.npy")
        assert np.array_equal(labels, data.y_test[:100]), name
        np.savez_compressed(path.with_name(f"{name}_calibration.npz"), x=data.x[:CALIBRATION_ROWS])
        bytes_ = path.read_bytes()
        entry = {
            "path": str(path.relative_to(ROOT)),
            "committed": True,
            "sha256": sha256(bytes_),
            "bytes": len(bytes_),
            "golden_x_sha256": sha256(golden["x"].astype("<f4").tobytes()),
            "script": "reference.py",
            "data": "digits" if folder == "digits" else folder,
            "layers": layers,
            "input": runner.shape,
            "outputs": int(y.shape[1]),
            "decision": decision,
            "golden_rows": 100,
            "calibration_rows": CALIBRATION_ROWS,
            "operators": sorted({node.op_type for node in model.graph.node}),
        }
        trees, nodes = tree_nodes(model)
        entry |= {"trees": trees, "tree_nodes": nodes} if trees else {"parameters": parameters(model)}
        y, label = runner.rows(data.x_test)
        if label is not None:
            entry["classes"] = [0, 1]
            assert rule(y, label) == decision
        record(key, entry | scores(y, label, data.y_test, decision, None))


if __name__ == "__main__":
    main()
