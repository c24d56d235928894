#!/usr/bin/env python3
"""Compares every model of the manifest with its hash and its goldens with onnxruntime's answers now.

Exits 1 on a difference. A model of `out/` that was not made yet is named and passed over.
"""

import json
import sys

import numpy as np
import onnx

from publish import MANIFEST, ROOT, Runner, sha256

# Of the output's range: sums in another order, on another processor.
TOLERANCE = 1e-5


def problem(entry):
    path = ROOT / entry["path"]
    if sha256(path.read_bytes()) != entry["sha256"]:
        return "sha256 differs"
    model = onnx.load(path)
    golden = np.load(path.with_suffix(".npz"))
    if sha256(golden["x"].astype("<f4").tobytes()) != entry["golden_x_sha256"]:
        return "golden inputs differ"
    calibration = np.load(path.with_name(f"{path.stem}_calibration.npz"))["x"]
    if calibration.shape != (entry["calibration_rows"], golden["x"].shape[1]):
        return f"calibration rows of shape {calibration.shape}"
    y, label = Runner(model).rows(golden["x"], entry.get("classes"))
    gap = np.abs(y - golden["y"]).max() / max(np.ptp(golden["y"]), 1e-9)
    if gap > TOLERANCE:
        return f"golden outputs differ by {gap:.1e} of the range"
    if label is not None and not np.array_equal(label, golden["label"]):
        return "labels differ"
    return None


def main():
    entries = json.loads(MANIFEST.read_text())
    bad = absent = 0
    for name, entry in entries.items():
        if not entry["committed"] and not (ROOT / entry["path"]).exists():
            print(f"{name}: not here, run {entry['script']}")
            absent += 1
        elif found := problem(entry):
            print(f"{name}: {found}")
            bad += 1
    print(f"{len(entries) - bad - absent} models as recorded, {bad} differ, {absent} not made yet")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
