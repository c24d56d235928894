"""Tree ensembles: every branch mode, post-transform and way of adding leaves up.

The rows hold thresholds exactly, the float32 numbers right above and below them, and numbers far
away: a comparison that is off by one unit in the last place changes an answer.
"""

import zlib

import numpy as np
from make_more import Case
from onnx import TensorProto, helper, numpy_helper

INT64, STRING = TensorProto.INT64, TensorProto.STRING
FEATURES = 3
NAMES = ["low", "middle", "high"]
BRANCHES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
f = np.float32


class Forest:
    """Random trees as the attributes of an ensemble; thresholds on a coarse grid or whole."""

    def __init__(self, name, depths=(3, 3, 2), modes=("BRANCH_LEQ",), whole=False, lopsided=False, missing=False):
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.modes, self.whole, self.missing = modes, whole, missing
        self.nodes = {
            key: []
            for key in (
                "treeids",
                "nodeids",
                "featureids",
                "values",
                "modes",
                "truenodeids",
                "falsenodeids",
                "missing_value_tracks_true",
            )
        }
        self.leaves = []
        for tree, depth in enumerate(depths):
            self.next = 0
            self.grow(tree, depth, lopsided)
        self.lopsided = lopsided

    def grow(self, tree, depth, lopsided):
        at, self.next = self.next, self.next + 1
        place = len(self.nodes["nodeids"])
        draw = self.rng.integers(-3, 3) if self.whole else self.rng.uniform(-2, 2)
        leaf = depth == 0
        row = (
            tree,
            at,
            0 if leaf else int(self.rng.integers(FEATURES)),
            0.0 if leaf else float(f(draw)),
            "LEAF" if leaf else self.modes[self.rng.integers(len(self.modes))],
            0,
            0,
            int(self.missing and self.rng.integers(2)),
        )
        for key, value in zip(self.nodes, row):
            self.nodes[key].append(value)
        if leaf:
            self.leaves.append((tree, at))
            return at
        self.nodes["truenodeids"][place] = self.grow(tree, 0 if lopsided else depth - 1, lopsided)
        self.nodes["falsenodeids"][place] = self.grow(tree, depth - 1, lopsided)
        return at

    def shuffle(self):
        """Each tree's nodes in another order; a root stays its tree's first."""
        tree, at = self.nodes["treeids"], self.nodes["nodeids"]
        order = sorted(range(len(at)), key=lambda i: (tree[i], at[i] != 0, self.rng.random()))
        for key, values in self.nodes.items():
            self.nodes[key] = [values[i] for i in order]

    def attributes(self):
        result = {f"nodes_{key}": values for key, values in self.nodes.items()}
        if not self.missing:
            del result["nodes_missing_value_tracks_true"]
        return result

    def weights(self, outputs, low=-1.0, high=1.0, every=True):
        """`(tree, node, output, weight)` per leaf: for every output, or for one of them."""
        return [
            (tree, leaf, o, float(f(self.rng.uniform(low, high))))
            for tree, leaf in self.leaves
            for o in (range(outputs) if every else [int(self.rng.integers(outputs))])
        ]

    def rows(self):
        """Thresholds, their neighbours, and far numbers, in random combinations."""
        values = np.array([v for v, m in zip(self.nodes["values"], self.nodes["modes"]) if m != "LEAF"] or [0], f)
        near = np.concatenate(
            [values, np.nextafter(values, f(np.inf)), np.nextafter(values, f(-np.inf)), [f(-9), f(9)]]
        )
        return self.rng.choice(near, (32, FEATURES)).astype(f)


def columns(prefix, weights):
    tree, leaf, output, weight = map(list, zip(*weights))
    keys = ("treeids", "nodeids", "ids", "weights")
    return dict(zip((f"{prefix}_{key}" for key in keys), (tree, leaf, output, weight)))


def ensemble(op, output, attributes):
    return helper.make_node(op, ["x"], output, domain="ai.onnx.ml", **attributes)


def regressors():
    result = []

    def regressor(case, targets=1, every=True, shuffled=False, forest=None, **a):
        name = f"regressor_{case}"
        trees = Forest(name, **(forest or {}))
        weights = trees.weights(targets, every=every)
        if shuffled:
            trees.shuffle()
        attributes = {**trees.attributes(), **columns("target", weights), "n_targets": targets, **a}
        result.append(
            Case(
                name,
                [ensemble("TreeEnsembleRegressor", ["y"], attributes)],
                shape=("n", FEATURES),
                ml=1,
                rows=trees.rows(),
            )
        )

    for mode in BRANCHES:
        exact = mode in ("BRANCH_EQ", "BRANCH_NEQ")
        regressor(mode[7:].lower(), forest=dict(modes=(mode,), whole=exact))
    (
        regressor("modes_mixed", forest=dict(modes=BRANCHES, whole=True)),
        regressor("modes_leq_gt", forest=dict(modes=("BRANCH_LEQ", "BRANCH_GT"))),
    )
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        regressor(f"aggregate_{aggregate.lower()}", aggregate_function=aggregate)
        regressor(
            f"aggregate_{aggregate.lower()}_two_targets", 2, aggregate_function=aggregate, base_values=[0.5, -1.5]
        )
    (
        regressor("base_value", base_values=[2.25]),
        regressor("average_base_value", base_values=[2.25], aggregate_function="AVERAGE"),
    )
    regressor("three_targets", 3), regressor("one_target_a_leaf", 3, every=False)
    for transform in ("LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        regressor(f"{transform.lower()}", 3, post_transform=transform)
    (
        regressor("missing_tracks_true", forest=dict(missing=True)),
        regressor("shuffled", shuffled=True),
        regressor("lopsided", forest=dict(depths=(6, 5), lopsided=True)),
    )
    (
        regressor("one_tree", forest=dict(depths=(3,))),
        regressor("stump", forest=dict(depths=(1,))),
        regressor("deep", forest=dict(depths=(7,))),
    )
    regressor("with_bare_leaf", forest=dict(depths=(2, 0, 2))), regressor("many", forest=dict(depths=(2,) * 20))
    # Thresholds in float64 behind a cast, as exports of float64 pipelines hold them.
    trees = Forest("regressor_double")
    trees.nodes["values"] = [
        v + 1e-9 if m != "LEAF" else v for v, m in zip(trees.nodes["values"], trees.nodes["modes"])
    ]
    weights = columns("target", trees.weights(1))
    attributes = {**trees.attributes(), **weights, "n_targets": 1}
    double = lambda values, name: numpy_helper.from_array(np.array(values, np.float64), name)
    attributes["nodes_values_as_tensor"] = double(attributes.pop("nodes_values"), "values")
    attributes["target_weights_as_tensor"] = double(attributes.pop("target_weights"), "weights")
    result.append(
        Case(
            "regressor_double",
            [
                helper.make_node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE),
                helper.make_node("TreeEnsembleRegressor", ["d"], ["y"], domain="ai.onnx.ml", **attributes),
            ],
            shape=("n", FEATURES),
            ml=3,
            rows=trees.rows(),
        )
    )
    return result


def classifiers():
    result = []

    def classifier(case, classes=3, ids=None, low=-1.0, high=1.0, names=None, labels=None, forest=None, **a):
        """`ids`: leaves weigh these classes instead of all."""
        name = f"classifier_{case}"
        trees = Forest(name, **(forest or {}))
        weights = trees.weights(classes if ids is None else len(ids), low, high)
        if ids is not None:
            weights = [(tree, leaf, ids[o], weight) for tree, leaf, o, weight in weights]
        keys = {"classlabels_strings": names} if names else {"classlabels_int64s": labels or list(range(classes))}
        attributes = {**trees.attributes(), **columns("class", weights), **keys, **a}
        result.append(
            Case(
                name,
                [ensemble("TreeEnsembleClassifier", ["label", "y"], attributes)],
                shape=("n", FEATURES),
                ml=1,
                rows=trees.rows(),
                label=STRING if names else INT64,
                labels=names or labels,
            )
        )

    for transform in ("NONE", "SOFTMAX", "SOFTMAX_ZERO", "LOGISTIC"):
        classifier(f"three_{transform.lower()}", post_transform=transform)
    # Two classes, one weight a leaf. With `class_ids` all 0, as scikit-learn and the boosting
    # libraries export it, s still speaks for the second class: the scores are (-s, s), or
    # (1 - s, s) where no weight is negative, or logistic functions of the first pair. With
    # `class_ids` all 1 they are (0, s).
    for transform in ("NONE", "LOGISTIC"):
        classifier(f"one_weight_{transform.lower()}", 2, ids=[0], post_transform=transform)
        classifier(f"one_weight_second_{transform.lower()}", 2, ids=[1], post_transform=transform)
    # Two classes, two weights: onnxruntime calls it the second class where its score is positive.
    for transform in ("NONE", "SOFTMAX"):
        classifier(f"two_{transform.lower()}", 2, post_transform=transform)
    (
        classifier("one_weight_positive", 2, ids=[0], low=0.0, high=0.4),
        classifier("one_weight_second_positive", 2, ids=[1], low=0.0, high=0.4),
    )
    classifier("one_weight_base_value", 2, ids=[0], base_values=[0.3], post_transform="LOGISTIC")
    classifier("one_weight_names", 2, ids=[0], names=NAMES[:2], post_transform="LOGISTIC")
    classifier("probabilities", low=0.0, high=1 / 3)
    (
        classifier("base_values", base_values=[0.5, -0.25, 0.1]),
        classifier("base_values_softmax", base_values=[0.5, -0.25, 0.1], post_transform="SOFTMAX"),
    )
    (
        classifier("names", names=NAMES),
        classifier("labels_not_from_zero", labels=[4, -7, 9]),
        classifier("lt", forest=dict(modes=("BRANCH_LT",))),
    )
    (
        classifier("modes_mixed", forest=dict(modes=BRANCHES, whole=True)),
        classifier("ten", 10, forest=dict(depths=(3,) * 6)),
    )
    return result


def newer():
    """TreeEnsemble of ai.onnx.ml 5: leaves apart from nodes, set membership."""
    result = []
    codes = {
        "BRANCH_LEQ": 0,
        "BRANCH_LT": 1,
        "BRANCH_GTE": 2,
        "BRANCH_GT": 3,
        "BRANCH_EQ": 4,
        "BRANCH_NEQ": 5,
        "BRANCH_MEMBER": 6,
    }
    tensor = lambda name, values, kind=f: numpy_helper.from_array(np.array(values, kind), name)

    def trees(case, targets=1, modes=("BRANCH_LEQ",), whole=False, depths=(3, 3, 2), member=False, **a):
        name = f"newer_{case}"
        forest = Forest(name, depths, modes, whole)
        nodes = forest.nodes
        inner = [i for i, mode in enumerate(nodes["modes"]) if mode != "LEAF"]
        place = {(nodes["treeids"][i], nodes["nodeids"][i]): n for n, i in enumerate(inner)}
        leaf = {key: n for n, key in enumerate(forest.leaves)}
        ends = lambda side: [(nodes["treeids"][i], nodes[side][i]) for i in inner]
        where = lambda side: [leaf.get(key, place.get(key)) for key in ends(side)]
        is_leaf = lambda side: [int(key in leaf) for key in ends(side)]
        values = [nodes["values"][i] for i in inner]
        kinds = [codes[nodes["modes"][i]] for i in inner]
        attributes = {
            "n_targets": targets,
            "tree_roots": [place[tree, 0] for tree in range(len(depths))],
            "nodes_featureids": [nodes["featureids"][i] for i in inner],
            "nodes_modes": tensor("modes", kinds, np.uint8),
            "nodes_truenodeids": where("truenodeids"),
            "nodes_trueleafs": is_leaf("truenodeids"),
            "nodes_falsenodeids": where("falsenodeids"),
            "nodes_falseleafs": is_leaf("falsenodeids"),
            "leaf_targetids": [n % targets for n in range(len(leaf))],
            "leaf_weights": tensor("weights", forest.rng.uniform(-1, 1, len(leaf))),
            **a,
        }
        if member:
            # The first node of every tree asks for one of three whole numbers. onnxruntime 1.31
            # finds zero in no set, and 1.5 in some that hold 1, so neither is here.
            sets = []
            for root in attributes["tree_roots"]:
                kinds[root], values[root] = codes["BRANCH_MEMBER"], 0.0
                sets += [*sorted(forest.rng.choice([-3, -2, -1, 1, 2, 3], 3, replace=False).tolist()), np.nan]
            attributes["nodes_modes"] = tensor("modes", kinds, np.uint8)
            attributes["membership_values"] = tensor("members", sets)
        attributes["nodes_splits"] = tensor("splits", values)
        result.append(
            Case(
                name,
                [ensemble("TreeEnsemble", ["y"], attributes)],
                shape=("n", FEATURES),
                opset=21,
                ml=5,
                ir=10,
                rows=None if member else forest.rows(),
                integers=whole,
            )
        )

    for mode in BRANCHES:
        trees(mode[7:].lower(), modes=(mode,), whole=mode in ("BRANCH_EQ", "BRANCH_NEQ"))
    trees("member", whole=True, member=True), trees("modes_mixed", modes=BRANCHES, whole=True)
    for code, aggregate in enumerate(("average", "sum", "min", "max")):
        trees(f"aggregate_{aggregate}", aggregate_function=code)
    # onnxruntime 1.31 takes 1 (softmax) for 2 (logistic) and the other way round; 3 is as specified.
    trees("softmax_zero", 3, post_transform=3)
    return result


def cases():
    return [*regressors(), *classifiers(), *newer()]
