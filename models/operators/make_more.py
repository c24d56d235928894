#!/usr/bin/env python3
"""Writes tiny models of further operators, one folder per family, with onnxruntime's answers.

    pip install -r ../requirements.txt && python3 make_more.py [FAMILY...]

The cases stand in `families/`, one file per family of operators. Every case has its own random
numbers, drawn from its name, so adding one changes no other. `y` is the output with numbers,
flattened; `label` the class of a classifier, as the index into its class labels. Where onnx's own
reference evaluator knows the operator, its answer is compared too and a difference is printed.
"""

import importlib
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = Path(__file__).resolve().parent
FAMILIES = ("linear", "shape", "nonlinear", "pooling", "comparison", "recurrent", "quantized", "ml", "trees", "further", "combinations")
ROWS = 16
TOLERANCE = 1e-5


class Random:
    """A weight drawn when its case is written."""

    def __init__(self, *shape, low=None, high=None, scale=1.0, kind=np.float32):
        self.shape, self.low, self.high, self.scale, self.kind = shape, low, high, scale, kind

    def draw(self, rng):
        if np.issubdtype(self.kind, np.integer):
            return rng.integers(self.low, self.high, self.shape, endpoint=True).astype(self.kind)
        if self.low is None:
            return rng.normal(scale=self.scale, size=self.shape).astype(self.kind)
        return rng.uniform(self.low, self.high, self.shape).astype(self.kind)


class Case:
    """A model: nodes between input `x` and output `y`, with weights and the rows to run."""

    def __init__(
        self,
        name,
        nodes,
        weights=None,
        *,
        shape=("n", 4),
        opset=17,
        ml=None,
        low=None,
        high=None,
        rows=None,
        integers=False,
        kind=TensorProto.FLOAT,
        label=None,
        labels=None,
        ir=8,
    ):
        self.name, self.nodes, self.weights = name, nodes, weights or {}
        self.shape, self.opset, self.ml, self.ir = shape, opset, ml, ir
        self.low, self.high, self.rows, self.integers = low, high, rows, integers
        self.kind, self.label, self.labels = kind, label, labels
        # Whether onnxruntime may rewrite the graph before it runs it.
        self.optimized = True

    def inputs(self, rng, size):
        """Rows: the ones given, then normal, uniform or whole numbers up to `ROWS`."""
        if self.integers:
            low, high = (-4, 4) if self.low is None else (self.low, self.high)
            x = rng.integers(low, high, (ROWS, size), endpoint=True)
        elif self.low is None:
            x = rng.normal(scale=2, size=(ROWS, size))
        else:
            x = rng.uniform(self.low, self.high, (ROWS, size))
        x = x.astype(np.float32)
        if self.rows is not None:
            given = np.asarray(self.rows, np.float32).reshape(-1, size)
            x = np.concatenate([given, x])[: max(ROWS, len(given))]
        return x

    def model(self, rng, rank):
        tensors = []
        for key, value in self.weights.items():
            value = value.draw(rng) if isinstance(value, Random) else np.asarray(value)
            tensors.append(numpy_helper.from_array(value, key))
        outputs = [helper.make_tensor_value_info("y", self.kind, None if rank is None else [None] * rank)]
        if self.label is not None:
            outputs.insert(0, helper.make_tensor_value_info("label", self.label, [None]))
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))],
            outputs,
            tensors,
        )
        imports = [helper.make_opsetid("", self.opset)]
        if self.ml:
            imports.append(helper.make_opsetid("ai.onnx.ml", self.ml))
        return helper.make_model(graph, opset_imports=imports, ir_version=self.ir)

    def answer(self, outputs):
        """`(y, label)` of one row."""
        y = np.asarray(outputs[-1]).astype(np.float32).ravel()
        if self.label is None:
            return y, None
        label = np.asarray(outputs[0]).ravel()[0]
        label = label.item() if hasattr(label, "item") else label
        return y, self.labels.index(label) if self.labels else int(label)

    def write(self, folder):
        seed = zlib.crc32(f"{folder.name}/{self.name}".encode())
        fixed = [d if isinstance(d, int) else 1 for d in self.shape]
        x = self.inputs(np.random.default_rng([seed, 1]), int(np.prod(fixed)))
        draw = lambda rank: self.model(np.random.default_rng([seed, 2]), rank)

        options = onnxruntime.SessionOptions()
        if not self.optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL

        def run(model):
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            return [session.run(None, {"x": row.reshape(fixed)}) for row in x]

        # The checker wants the output's rank, which a first run tells.
        model = draw(np.ndim(run(draw(None))[0][-1]))
        onnx.checker.check_model(model, full_check=True)
        answers = [self.answer(outputs) for outputs in run(model)]
        y = np.stack([y for y, _ in answers])
        assert np.isfinite(y).all(), self.name
        assert np.ptp(y, axis=0).any(), f"{self.name} always answers the same"
        arrays = {"x": x, "y": y}
        if self.label is not None:
            arrays["label"] = np.array([label for _, label in answers], np.int64)
            assert np.ptp(arrays["label"]), f"{self.name} knows one class only"
        (folder / f"{self.name}.onnx").write_bytes(model.SerializeToString())
        np.savez_compressed(folder / f"{self.name}.npz", **arrays)
        return self.compare(model, x, fixed, arrays)

    def compare(self, model, x, fixed, arrays):
        """What the reference evaluator says otherwise, if anything."""

        def evaluate():
            evaluator = ReferenceEvaluator(model)
            return [self.answer(evaluator.run(None, {"x": row.reshape(fixed)})) for row in x]

        # It lacks some operators, some in older versions only, and breaks on some forms.
        try:
            answers = evaluate()
        except Exception:
            model.opset_import[0].version, model.ir_version = 21, 10
            try:
                answers = evaluate()
            except Exception as error:
                return f"no reference ({type(error).__name__})"
        y = np.stack([y for y, _ in answers])
        if y.shape != arrays["y"].shape:
            return f"reference gives {y.shape[1]} numbers, onnxruntime {arrays['y'].shape[1]}"
        gap = np.abs(y - arrays["y"]) / np.maximum(1, np.abs(arrays["y"]))
        if not (gap <= TOLERANCE).all():
            return f"reference differs by {gap.max():.1e} in {(gap > TOLERANCE).any(axis=1).sum()} rows"
        if self.label is not None and [label for _, label in answers] != arrays["label"].tolist():
            return "reference gives other labels"
        return None


def node(op, inputs, output="y", **attributes):
    outputs = output.split() if isinstance(output, str) else output
    return helper.make_node(op, inputs.split() if isinstance(inputs, str) else inputs, outputs, **attributes)


def single(name, op, weights=None, *, attributes=None, before=(), **options):
    """A model of one node whose inputs are `x` and the weights; those in `before` come first."""
    weights = weights or {}
    inputs = [*before, "x", *(key for key in weights if key not in before)]
    return Case(name, [node(op, inputs, **(attributes or {}))], weights, **options)


def main(families):
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True
    # The families import this file by its name; as a script it is called __main__.
    sys.modules["make_more"] = sys.modules[__name__]
    for family in families or FAMILIES:
        folder = HERE / family
        folder.mkdir(exist_ok=True)
        cases = importlib.import_module(f"families.{family}").cases()
        names = [case.name for case in cases]
        assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
        for old in folder.iterdir():
            if old.stem not in names:
                old.unlink()
        for case in cases:
            try:
                remark = case.write(folder)
            except Exception as error:
                raise RuntimeError(f"{family}/{case.name}") from error
            if remark:
                print(f"{family}/{case.name}: {remark}")
        print(f"{family}: {len(cases)} models")


if __name__ == "__main__":
    main(sys.argv[1:])
