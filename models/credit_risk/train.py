#!/usr/bin/env python3
"""Trains the demo's credit-risk model on SYNTHETIC data and writes every file beside it.

No row describes a real borrower: applicants are drawn from made-up distributions and default
by a made-up rule. The model shows the way of a score through proof and contract; it must
not be used to lend money.

    pip install -r ../requirements.txt && python3 train.py

The seed is fixed, so a second run on the same machine writes the same bytes.
"""

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
SEED = 20240611
TRAIN_ROWS, CALIBRATION_ROWS, GOLDEN_ROWS = 6000, 400, 100
HIDDEN = (16, 8)

# name, decimals, smallest and largest value that a caller may pass
FEATURES = [
    ("utilization_pct", 2, 0, 150),
    ("debt_to_income_pct", 2, 0, 150),
    ("account_age_months", 0, 0, 600),
    ("missed_payments_24m", 0, 0, 24),
    ("collateral_volatility_pct", 2, 0, 200),
    ("loan_to_value_pct", 2, 0, 150),
    ("past_liquidations", 0, 0, 20),
    ("stable_collateral_pct", 2, 0, 100),
]

EXAMPLES = {
    "low_risk": [12.5, 18.0, 96, 0, 22.0, 35.0, 0, 80.0],
    "high_risk": [97.25, 61.5, 4, 5, 118.0, 92.0, 3, 2.5],
}


def applicants(rng, rows):
    """Made-up applicants: a hidden quality moves most features together."""
    quality = rng.normal(size=rows)
    noise = lambda scale: rng.normal(scale=scale, size=rows)
    columns = [
        np.clip(45 - 18 * quality + noise(18), 0, 120),
        np.clip(33 - 9 * quality + noise(11), 0, 110),
        np.clip(np.exp(3.6 + 0.45 * quality + noise(0.7)), 1, 480),
        rng.poisson(np.exp(-0.7 - 0.8 * quality)).clip(0, 20),
        np.clip(np.exp(3.8 - 0.25 * quality + noise(0.45)), 3, 180),
        np.clip(58 - 10 * quality + noise(14), 5, 125),
        rng.poisson(np.exp(-1.5 - 0.6 * quality)).clip(0, 15),
        np.clip(45 + 14 * quality + noise(26), 0, 100),
    ]
    rounded = [np.round(c, d) for c, (_, d, _, _) in zip(columns, FEATURES)]
    return np.stack(rounded, axis=1).astype(np.float32)


def defaults(rng, x):
    """Made-up rule: leverage on volatile collateral is what hurts, history helps."""
    util, dti, age, missed, vol, ltv, liquidations, stable = x.T.astype(np.float64)
    risk = (
        -1.1
        + 0.030 * (util - 45)
        + 0.025 * (dti - 33)
        - 0.45 * np.log1p(age / 12)
        + 0.55 * np.minimum(missed, 6)
        + 0.00055 * np.maximum(ltv - 50, 0) * vol
        + 0.5 * np.minimum(liquidations, 4)
        - 0.016 * stable
    )
    return (rng.random(len(x)) < 1 / (1 + np.exp(-risk))).astype(np.float64)


def train(rng, x, label):
    """A small network, cross-entropy with weight decay, Adam in plain numpy."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    inputs = (x - mean) / deviation
    sizes = [x.shape[1], *HIDDEN, 1]
    params = []
    for fan_in, fan_out in zip(sizes, sizes[1:]):
        params += [rng.normal(scale=np.sqrt(2 / fan_in), size=(fan_in, fan_out)), np.zeros(fan_out)]
    first = [np.zeros_like(p) for p in params]
    second = [np.zeros_like(p) for p in params]
    step = 0
    for epoch in range(60):
        rate = 3e-3 * 0.96**epoch
        for batch in np.array_split(rng.permutation(len(x)), len(x) // 100):
            step += 1
            activations, h = [inputs[batch]], inputs[batch]
            for layer in range(3):
                h = h @ params[2 * layer] + params[2 * layer + 1]
                h = np.maximum(h, 0) if layer < 2 else 1 / (1 + np.exp(-h))
                activations.append(h)
            delta = (h - label[batch, None]) / len(batch)
            gradients = [None] * 6
            for layer in reversed(range(3)):
                weights = params[2 * layer]
                gradients[2 * layer] = activations[layer].T @ delta + 1e-3 * weights
                gradients[2 * layer + 1] = delta.sum(axis=0)
                delta = (delta @ weights.T) * (activations[layer] > 0)
            for i, g in enumerate(gradients):
                first[i] = 0.9 * first[i] + 0.1 * g
                second[i] = 0.999 * second[i] + 0.001 * g * g
                scale = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                params[i] = params[i] - rate * scale * first[i] / (np.sqrt(second[i]) + 1e-8)
    return mean, deviation, params


def export(mean, deviation, params):
    """Raw features in, risk in [0, 1] out: the scaler is part of the graph."""
    weights = {"mean": mean[None], "deviation": deviation[None]}
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"], "centre"),
        helper.make_node("Div", ["centred", "deviation"], ["h0"], "scale"),
    ]
    for layer in range(3):
        w, b = f"w{layer}", f"b{layer}"
        weights |= {w: params[2 * layer], b: params[2 * layer + 1]}
        nodes.append(helper.make_node("Gemm", [f"h{layer}", w, b], [f"g{layer}"], f"dense{layer}"))
        op, out = ("Relu", f"h{layer + 1}") if layer < 2 else ("Sigmoid", "risk")
        nodes.append(helper.make_node(op, [f"g{layer}"], [out], f"{op.lower()}{layer}"))
    vector = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
    graph = helper.make_graph(
        nodes,
        "credit_risk",
        [vector("features", len(FEATURES))],
        [vector("risk", 1)],
        [numpy_helper.from_array(np.asarray(v, dtype=np.float32), k) for k, v in weights.items()],
        doc_string="Trained on synthetic data; for demonstration only.",
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="haloracle-demo"
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def auc(label, score):
    """Probability that a defaulter scores above a non-defaulter."""
    ranks = np.empty(len(score))
    ranks[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    positive = label == 1
    n, m = positive.sum(), (~positive).sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * m)


def main():
    rng = np.random.default_rng(SEED)
    x = applicants(rng, TRAIN_ROWS + CALIBRATION_ROWS + GOLDEN_ROWS)
    label = defaults(rng, x)
    seen, calibration, golden = np.split(x, [TRAIN_ROWS, TRAIN_ROWS + CALIBRATION_ROWS])
    model = export(*train(rng, seen.astype(np.float64), label[:TRAIN_ROWS]))
    (HERE / "credit_risk.onnx").write_bytes(model)

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    run = lambda rows: session.run(None, {"features": np.asarray(rows, dtype=np.float32)})[0]
    np.savez(HERE / "calibration.npz", x=calibration, y=run(calibration))
    np.savez(HERE / "golden.npz", x=golden, y=run(golden))
    with open(HERE / "calibration.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([name for name, *_ in FEATURES])
        for row in calibration:
            writer.writerow([f"{v:.{d}f}" for v, (_, d, _, _) in zip(row, FEATURES)])

    write = lambda name, value: (HERE / name).write_text(json.dumps(value, indent=2) + "\n")
    keys = ("name", "decimals", "lo", "hi")
    write("schema.json", {"inputs": [dict(zip(keys, f)) for f in FEATURES], "outputs": ["risk"]})
    for name, row in EXAMPLES.items():
        write(f"{name}.json", {"note": f"synthetic {name.replace('_', '-')} applicant",
                               "names": [f[0] for f in FEATURES], "input": [row],
                               "y": [[round(float(run([row])[0, 0]), 6)]]})
        print(f"{name}: risk {run([row])[0, 0]:.4f}")
    held = TRAIN_ROWS
    print(f"defaults {label.mean():.3f}, AUC on {len(x) - held} unseen rows "
          f"{auc(label[held:], run(x[held:])[:, 0]):.3f}")


if __name__ == "__main__":
    main()
