#!/usr/bin/env python3
"""Compares every committed `y` with what onnxruntime answers now; exits 1 on a difference."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
FILES = {
    "breast_cancer/mlp_small": ["mlp_small"],
    "breast_cancer/logreg": ["logreg"],
    "breast_cancer/logreg_std": ["logreg_std"],
    "credit_risk/credit_risk": ["calibration", "golden"],
}


def main():
    worst = 0.0
    for model, data in FILES.items():
        path = HERE / f"{model}.onnx"
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        for stem in data:
            arrays = np.load(path.parent / f"{stem}.npz")
            ours = np.concatenate([session.run(None, {name: row[None]})[0] for row in arrays["x"]])
            difference = float(np.abs(ours - arrays["y"]).max() / np.ptp(arrays["y"]))
            print(f"{model} on {stem}: {len(ours)} rows, largest difference {difference:.1e} of the range")
            worst = max(worst, difference)
    return 0 if worst < 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main())
