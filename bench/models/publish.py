"""Writes a model, its calibration and golden rows, and its line of the manifest.

`NAME.onnx`, `NAME.npz` (golden: `x`, rows flattened; `y`, onnxruntime's floating-point output,
flattened; `label`, onnxruntime's class as the index into the classes, where the model has a label
output; `target`, the truth) and `NAME_calibration.npz` (`x`: other rows, from the training part).
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Models beyond this size are made again by their script instead of being committed.
MAX_COMMITTED = 1_000_000
OUT = HERE / "out"
MANIFEST = HERE / "manifest.json"
GOLDEN_ROWS = 100
CALIBRATION_ROWS = 200
WEIGHTS = ("coefficients", "intercepts", "rho", "support_vectors", "offset", "scale")


def clean(model):
    """Drops what exporters note about the machine they ran on: paths, stack traces, names.

    Operator sets come in the order of Python's string hashes, which change from run to run.
    """
    imports = sorted(model.opset_import, key=lambda i: (i.domain, i.version))
    del model.opset_import[:]
    model.opset_import.extend(imports)
    del model.metadata_props[:]
    model.doc_string = ""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        graph.doc_string = ""
        del graph.metadata_props[:]
        lists = [graph.node]
        if isinstance(graph, onnx.GraphProto):
            lists += [graph.input, graph.output, graph.value_info, graph.initializer]
        for item in (item for items in lists for item in items):
            item.doc_string = ""
            del item.metadata_props[:]
    return model


class Runner:
    """onnxruntime on one row after the other, in the shape that the graph declares."""

    def __init__(self, model):
        data = model if isinstance(model, bytes) else model.SerializeToString()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        inputs = self.session.get_inputs()
        assert len(inputs) == 1, [i.name for i in inputs]
        self.name = inputs[0].name
        self.outputs = [output.name for output in self.session.get_outputs()]
        # A symbolic or missing dimension is the batch.
        self.shape = [d if isinstance(d, int) else 1 for d in inputs[0].shape]

    def row(self, x):
        return self.session.run(None, {self.name: np.asarray(x, np.float32).reshape(self.shape)})

    def rows(self, x, classes=None):
        """`(y, label)`: floating-point output and class index (None without a label output)."""
        ys, labels = [], []
        for row in x:
            y, label = split(self.row(row), classes)
            ys.append(y)
            labels.append(label)
        return np.stack(ys), None if labels[0] is None else np.array(labels, dtype=np.int64)


def split(outputs, classes=None):
    """Tells the label from the scores; a ZipMap's dictionary becomes a row in class order."""
    score = label = None
    for output in outputs:
        if isinstance(output, list):
            values = list(output[0].values())
            classes = list(output[0])
            output = np.array(values, dtype=np.float32)
        if output.dtype == np.float32 and score is None:
            score = output.ravel()
        elif output.dtype != np.float32 and label is None:
            label = output.ravel()[0]
        else:
            raise ValueError(f"unexpected output of type {output.dtype}")
    if label is not None:
        names = [label.item() if hasattr(label, "item") else label]
        order = list(classes) if classes is not None else None
        label = order.index(names[0]) if order else int(names[0])
    return score, label


def decide(y, label, decision):
    """The class of every row."""
    if label is not None:
        return label
    if decision == "argmax":
        return y.argmax(axis=1)
    return (y[:, 0] > decision).astype(np.int64)


def rule(y, label):
    """What turns the scores into onnxruntime's label; "label" if nothing simple does."""
    for decision in ("argmax", 0.5, 0.0):
        if np.array_equal(decide(y, None, decision), label):
            return decision
    return "label"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def parameters(model):
    """Floating-point constants: initializers, and the coefficients of ONNX-ML operators."""
    count = sum(np.prod(t.dims) for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)
    for node in model.graph.node:
        count += sum(len(a.floats) for a in node.attribute if a.name in WEIGHTS)
    return int(count)


def tree_nodes(model):
    """Trees and nodes over all tree ensembles of the graph."""
    trees = nodes = 0
    for node in model.graph.node:
        if node.op_type.startswith("TreeEnsemble"):
            ids = next(a.ints for a in node.attribute if a.name == "nodes_treeids")
            trees += len(set(ids))
            nodes += len(ids)
    return trees, nodes


def publish(
    folder,
    name,
    model,
    split_data,
    *,
    script,
    data,
    layers,
    decision,
    calibration=CALIBRATION_ROWS,
    golden=GOLDEN_ROWS,
    classes=None,
    reference=None,
    scored=True,
    big=False,
):
    """Writes everything for one model; returns its manifest entry.

    `decision`: "argmax", a threshold of the first output, or "value" for a regression; found from
    the labels where the model gives them.
    `reference`: predictions of the library that trained it, for the whole test part.
    `big`: into `out/`, which git ignores.
    """
    clean(model)
    onnx.checker.check_model(model)
    bytes_ = model.SerializeToString(deterministic=True)
    target = OUT if big else ROOT / "models" / folder
    assert big or len(bytes_) <= MAX_COMMITTED, (name, len(bytes_))
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{name}.onnx").write_bytes(bytes_)

    runner = Runner(bytes_)
    seen, rows = split_data.x[:calibration], split_data.x_test
    y, label = runner.rows(rows, classes)
    if label is not None:
        decision = rule(y, label)
    arrays = {"x": rows[:golden], "y": y[:golden]}
    if scored:
        arrays["target"] = np.asarray(split_data.y_test[:golden])
    if label is not None:
        arrays["label"] = label[:golden]
    np.savez_compressed(target / f"{name}.npz", **arrays)
    np.savez_compressed(target / f"{name}_calibration.npz", x=seen)

    entry = {
        "path": str((target / f"{name}.onnx").relative_to(ROOT)),
        "committed": not big,
        "sha256": sha256(bytes_),
        "bytes": len(bytes_),
        "golden_x_sha256": sha256(np.ascontiguousarray(rows[:golden], dtype="<f4").tobytes()),
        "script": Path(script).name,
        "data": data,
        "layers": layers,
        "input": runner.shape,
        "outputs": int(y.shape[1]),
        "decision": decision,
        "golden_rows": len(arrays["x"]),
        "calibration_rows": len(seen),
        "operators": sorted({node.op_type for node in model.graph.node}),
    }
    if label is not None:
        entry["classes"] = classes if classes is not None else sorted({int(v) for v in split_data.y})
    trees, nodes = tree_nodes(model)
    if trees:
        entry |= {"trees": trees, "tree_nodes": nodes}
    else:
        entry["parameters"] = parameters(model)
    if scored:
        entry |= scores(y, label, split_data.y_test, decision, reference)
    record(f"{folder}/{name}", entry)
    return entry


def scores(y, label, truth, decision, reference):
    """How good the float model is on the whole test part, by onnxruntime."""
    result = {"test_rows": len(truth)}
    if decision == "value":
        first = y if np.ndim(truth) > 1 else y[:, 0]
        result["r2"] = round(float(1 - ((first - truth) ** 2).sum() / ((truth - truth.mean(axis=0)) ** 2).sum()), 4)
        if reference is not None:
            result["largest_difference_to_library"] = float(f"{np.abs(first - reference).max():.2e}")
    else:
        found = decide(y, label, decision)
        result["accuracy"] = round(float((found == truth).mean()), 4)
        if reference is not None:
            result["agreement_with_library"] = round(float((found == reference).mean()), 4)
    return result


def record(key, entry):
    manifest = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    manifest[key] = entry
    MANIFEST.write_text(json.dumps(dict(sorted(manifest.items())), indent=1) + "\n")
    shown = {
        k: entry[k]
        for k in (
            "bytes",
            "parameters",
            "trees",
            "tree_nodes",
            "accuracy",
            "r2",
            "agreement_with_library",
            "largest_difference_to_library",
        )
        if k in entry
    }
    print(key, entry["input"], entry["operators"], shown, flush=True)
