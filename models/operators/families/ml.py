"""ONNX-ML operators but trees: linear models, support vectors, preprocessing, label encoding."""

import zlib

import numpy as np
from make_more import Case, node
from onnx import TensorProto

INT64, STRING, FLOAT = TensorProto.INT64, TensorProto.STRING, TensorProto.FLOAT
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
NAMES = ["low", "middle", "high"]


def ml(op, inputs, output="y", **attributes):
    return node(op, inputs, output, domain="ai.onnx.ml", **attributes)


def floats(name, count, low=-1.0, high=1.0):
    """Numbers drawn from the case's name."""
    return np.random.default_rng(zlib.crc32(name.encode())).uniform(low, high, count).astype(np.float32).tolist()


def linear():
    result = []

    def classifier(case, classes, features=4, labels=None, names=None, rows=None, **a):
        name = f"linearclassifier_{case}"
        rows = classes if rows is None else rows
        keys = {"classlabels_strings": names} if names else {"classlabels_ints": labels or list(range(classes))}
        result.append(
            Case(
                name,
                [
                    ml(
                        "LinearClassifier",
                        "x",
                        "label y",
                        coefficients=floats(name, rows * features),
                        intercepts=floats(name + "b", rows),
                        **keys,
                        **a,
                    )
                ],
                shape=("n", features),
                ml=1,
                label=STRING if names else INT64,
                labels=names or labels,
            )
        )

    for transform in TRANSFORMS:
        classifier(f"three_{transform.lower()}", 3, post_transform=transform)
        classifier(f"two_rows_{transform.lower()}", 2, post_transform=transform)
    # A binary model with one row of coefficients; without a transform onnxruntime's label is not
    # the larger score, so only this form is kept.
    classifier("one_row_logistic", 2, rows=1, post_transform="LOGISTIC")
    (
        classifier("multi_class", 3, post_transform="SOFTMAX", multi_class=1),
        classifier("names", 3, names=NAMES, post_transform="SOFTMAX"),
    )
    classifier("labels_not_from_zero", 3, labels=[7, -3, 12]), classifier("default_transform", 4)

    def regressor(case, targets, **a):
        name = f"linearregressor_{case}"
        result.append(
            Case(name, [ml("LinearRegressor", "x", coefficients=floats(name, 4 * targets), targets=targets, **a)], ml=1)
        )

    regressor("one", 1, intercepts=[0.7]), regressor("two", 2, intercepts=[0.7, -2.0]), regressor("no_intercept", 1)
    for transform in ("LOGISTIC", "SOFTMAX"):
        regressor(f"two_{transform.lower()}", 2, intercepts=[0.2, -0.4], post_transform=transform)
    return result


def preprocessing():
    one = lambda name, op, rows=None, shape=("n", 4), **a: Case(name, [ml(op, "x", **a)], ml=1, rows=rows, shape=shape)
    gaps = [[-1, 2, -1, 3], [-1, -1, -1, -1], [1, 2, 3, 4]]
    return [
        one("scaler", "Scaler", offset=[1.0, -2, 0.5, 0], scale=[0.5, 2, 1, 3.0]),
        one("scaler_one_number", "Scaler", offset=[1.5], scale=[0.25]),
        one("normalizer_max", "Normalizer", norm="MAX"),
        one("normalizer_l1", "Normalizer", norm="L1"),
        one("normalizer_l2", "Normalizer", norm="L2"),
        one("imputer", "Imputer", gaps, imputed_value_floats=[0.5, 1.5, 2.5, -3.5], replaced_value_float=-1.0),
        one("imputer_one_value", "Imputer", gaps, imputed_value_floats=[9.0], replaced_value_float=-1.0),
        one(
            "imputer_nan",
            "Imputer",
            gaps,
            imputed_value_floats=[0.5, 1.5, 2.5, -3.5],
            replaced_value_float=float("nan"),
        ),
        one("binarizer", "Binarizer", [[0.5, 0.25, 0.75, -1]], threshold=0.5),
        Case("arrayfeatureextractor", [ml("ArrayFeatureExtractor", "x i")], {"i": np.array([3, 0, 2])}, ml=1),
        Case(
            "scaler_then_linear",
            [
                ml("Scaler", "x", "s", offset=[1.0, -2, 0.5, 0], scale=[0.5, 2, 1, 3.0]),
                ml("LinearRegressor", "s", coefficients=[0.3, -0.7, 1.1, 0.2], intercepts=[0.1], targets=1),
            ],
            ml=1,
        ),
        Case(
            "normalizer_then_linear",
            [
                ml("Normalizer", "x", "s", norm="L2"),
                ml("LinearRegressor", "s", coefficients=[3, -7, 1, 2.0], targets=1),
            ],
            ml=1,
        ),
    ]


def encoding():
    """LabelEncoder: on classes that a model gives, and on numbers."""
    scores = [node("Gemm", "x w b", "s"), node("ArgMax", "s", "i", axis=1, keepdims=0)]
    weights = {"w": np.array(floats("encoder", 12)).reshape(4, 3).astype(np.float32), "b": np.zeros(3, np.float32)}
    case = lambda name, encoder, labels=None, label=INT64: Case(
        f"labelencoder_{name}", [*scores, encoder, node("Identity", "s")], weights, ml=2, label=label, labels=labels
    )
    model = ml(
        "LinearClassifier",
        "x",
        "class y",
        coefficients=floats("encoded", 12),
        intercepts=[0.1, 0, -0.1],
        classlabels_ints=[0, 1, 2],
    )
    return [
        case(
            "integers",
            ml("LabelEncoder", "i", "label", keys_int64s=[0, 1, 2], values_int64s=[10, 20, 30]),
            [10, 20, 30],
        ),
        case("names", ml("LabelEncoder", "i", "label", keys_int64s=[0, 1, 2], values_strings=NAMES), NAMES, STRING),
        case(
            "default",
            ml("LabelEncoder", "i", "label", keys_int64s=[0, 2], values_int64s=[5, 6], default_int64=-9),
            [5, -9, 6],
        ),
        Case(
            "labelencoder_of_classifier",
            [model, ml("LabelEncoder", "class", "label", keys_int64s=[2, 1, 0], values_int64s=[0, 7, 9])],
            ml=2,
            label=INT64,
            labels=[9, 7, 0],
        ),
        Case(
            "labelencoder_floats",
            [
                node("Round", "x", "r"),
                ml(
                    "LabelEncoder",
                    "r",
                    keys_floats=[-1.0, 0.0, 1.0, 2.0],
                    values_floats=[0.5, 2.5, -1.5, 4.0],
                    default_float=7.0,
                ),
            ],
            ml=2,
            low=-3,
            high=4,
        ),
        Case(
            "labelencoder_answer",
            [*scores, ml("LabelEncoder", "i", keys_int64s=[0, 1, 2], values_floats=[0.25, 0.5, 0.75])],
            weights,
            ml=2,
        ),
    ]


def support_vectors():
    result = []

    def regressor(case, kernel, vectors=5, features=3, parameters=(0.3, 0.5, 2.0), **a):
        name = f"svmregressor_{case}"
        if vectors:
            a["support_vectors"] = floats(name, vectors * features)
        result.append(
            Case(
                name,
                [
                    ml(
                        "SVMRegressor",
                        "x",
                        kernel_type=kernel,
                        kernel_params=list(parameters),
                        coefficients=floats(name + "c", vectors or features, -2, 2),
                        n_supports=vectors,
                        rho=[0.4],
                        **a,
                    )
                ],
                shape=("n", features),
                ml=1,
            )
        )

    (
        regressor("linear", "LINEAR"),
        regressor("linear_weights", "LINEAR", vectors=0),
        regressor("rbf", "RBF"),
        regressor("poly", "POLY"),
    )
    (
        regressor("sigmoid", "SIGMOID", parameters=(0.3, 0.5, 0.0)),
        regressor("rbf_logistic", "RBF", post_transform="LOGISTIC"),
    )
    regressor("rbf_one_class", "RBF", one_class=1)

    # Two classes without probabilities: the scores are (s, -s) and s > 0 is the second class.
    def classifier(case, kernel, per_class=(3, 3), features=3, probabilities=False, names=None, **a):
        name = f"svmclassifier_{case}"
        classes, vectors = len(per_class), sum(per_class)
        pairs = classes * (classes - 1) // 2
        if probabilities:
            a |= {"prob_a": floats(name + "a", pairs, -2, -1), "prob_b": floats(name + "b", pairs, -0.1, 0.1)}
        keys = {"classlabels_strings": names} if names else {"classlabels_ints": list(range(classes))}
        result.append(
            Case(
                name,
                [
                    ml(
                        "SVMClassifier",
                        "x",
                        "label y",
                        kernel_type=kernel,
                        kernel_params=[0.3, 0.5, 2.0],
                        vectors_per_class=list(per_class),
                        support_vectors=floats(name, vectors * features, -2, 2),
                        coefficients=floats(name + "c", (classes - 1) * vectors, -9, 9),
                        rho=floats(name + "r", pairs, -0.2, 0.2),
                        **keys,
                        **a,
                    )
                ],
                shape=("n", features),
                ml=1,
                low=-2,
                high=2,
                label=STRING if names else INT64,
                labels=names,
            )
        )

    (
        classifier("linear", "LINEAR"),
        classifier("rbf", "RBF"),
        classifier("rbf_three", "RBF", (3, 2, 3)),
        classifier("linear_three", "LINEAR", (2, 3, 2)),
    )
    (
        classifier("rbf_probabilities", "RBF", probabilities=True),
        classifier("linear_three_probabilities", "LINEAR", (3, 2, 3), probabilities=True),
    )
    classifier("rbf_names", "RBF", (3, 2, 3), names=NAMES)
    # No support vectors: one row of weights per class.
    name = "svmclassifier_weights"
    result.append(
        Case(
            name,
            [
                ml(
                    "SVMClassifier",
                    "x",
                    "label y",
                    kernel_type="LINEAR",
                    kernel_params=[0.0, 0.0, 0.0],
                    coefficients=floats(name, 9),
                    rho=[0.1],
                    classlabels_ints=[0, 1, 2],
                )
            ],
            shape=("n", 3),
            ml=1,
            label=INT64,
        )
    )
    return result


def cases():
    return [*linear(), *preprocessing(), *encoding(), *support_vectors()]
