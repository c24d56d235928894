#!/usr/bin/env python3
"""Pipelines as a data scientist exports them: scikit-learn through skl2onnx, at its defaults.

Writes `models/sklearn/`. Each model takes one float32 tensor of raw features; classifiers give
the label and the probabilities (a ZipMap's dictionaries where `zipmap` is on).
"""

import warnings
from copy import copy

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common import _container
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import datasets
from publish import publish

OPSETS = {"": 17, "ai.onnx.ml": 3}
SEED = 0
MISSING = -1.0

CANCER, IRIS, WINE = datasets.breast_cancer(), datasets.iris(), datasets.wine()
DIGITS, DIABETES = datasets.digits(), datasets.diabetes()
TITLES = {
    id(CANCER): "breast_cancer",
    id(IRIS): "iris",
    id(WINE): "wine",
    id(DIGITS): "digits",
    id(DIABETES): "diabetes",
}


def with_gaps(data, part):
    """A share of the cells replaced by the number that stands for "not known"."""
    result = copy(data)
    rng = np.random.default_rng(SEED)
    hide = lambda x: np.where(rng.random(x.shape) < part, np.float32(MISSING), x)
    result.x, result.x_test = hide(data.x), hide(data.x_test)
    TITLES[id(result)] = f"{TITLES[id(data)]}, {part:.0%} of the cells replaced by {MISSING:g}"
    return result


def two_targets(data):
    """The target and its distance from 150: a regression with two outputs."""
    result = copy(data)
    both = lambda y: np.stack([y, np.abs(y - 150)], axis=1)
    result.y, result.y_test = both(data.y), both(data.y_test)
    TITLES[id(result)] = f"{TITLES[id(data)]}, two targets"
    return result


def named(data, names):
    """The same rows, with classes called by name."""
    result = copy(data)
    result.names = np.asarray(names)
    TITLES[id(result)] = f"{TITLES[id(data)]}, classes by name"
    return result


def classifiers():
    """name: (pipeline, data, further options)."""
    logistic = lambda **k: LogisticRegression(max_iter=5000, **k)
    mlp = lambda *hidden, **k: MLPClassifier(hidden, max_iter=600, random_state=SEED, **k)
    gaps = with_gaps(CANCER, 0.1)
    columns = ColumnTransformer(
        [("means", StandardScaler(), list(range(10))), ("worst", MinMaxScaler(), list(range(20, 30)))]
    )
    return {
        "scaler_logreg": (make_pipeline(StandardScaler(), logistic()), CANCER, {}),
        "scaler_logreg_zipmap": (make_pipeline(StandardScaler(), logistic()), CANCER, {"zipmap": True}),
        "scaler_logreg_raw_scores": (make_pipeline(StandardScaler(), logistic()), CANCER, {"raw_scores": True}),
        "scaler_logreg_iris": (make_pipeline(StandardScaler(), logistic()), IRIS, {}),
        "scaler_logreg_iris_names": (
            make_pipeline(StandardScaler(), logistic()),
            named(IRIS, ["setosa", "versicolor", "virginica"]),
            {"zipmap": True},
        ),
        "scaler_logreg_wine": (make_pipeline(StandardScaler(), logistic()), WINE, {}),
        "scaler_ovr_logreg_wine": (make_pipeline(StandardScaler(), OneVsRestClassifier(logistic())), WINE, {}),
        "logreg_digits": (logistic(), DIGITS, {}),
        "minmax_logreg_digits": (make_pipeline(MinMaxScaler(), logistic()), DIGITS, {}),
        "maxabs_logreg": (make_pipeline(MaxAbsScaler(), logistic()), CANCER, {}),
        "normalizer_l2_logreg": (make_pipeline(Normalizer("l2"), logistic(C=1e4)), WINE, {}),
        "normalizer_l1_logreg": (make_pipeline(Normalizer("l1"), logistic(C=1e4)), IRIS, {}),
        "normalizer_max_logreg": (make_pipeline(Normalizer("max"), logistic(C=1e4)), IRIS, {}),
        "pca_logreg": (make_pipeline(StandardScaler(), PCA(8), logistic()), CANCER, {}),
        "select_logreg": (make_pipeline(SelectKBest(f_classif, k=10), StandardScaler(), logistic()), CANCER, {}),
        "columns_logreg": (make_pipeline(columns, logistic()), CANCER, {}),
        "scaler_lda_wine": (make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()), WINE, {}),
        "scaler_sgd": (make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=SEED)), CANCER, {}),
        "minmax_mlp": (make_pipeline(MinMaxScaler(), mlp(16, 8)), CANCER, {}),
        "minmax_mlp_tanh": (make_pipeline(MinMaxScaler(), mlp(16, activation="tanh")), CANCER, {}),
        "minmax_mlp_logistic": (
            make_pipeline(MinMaxScaler(), mlp(16, activation="logistic", alpha=1e-4, learning_rate_init=0.02)),
            CANCER,
            {},
        ),
        "mlp_digits": (mlp(32), DIGITS, {}),
        "scaler_linear_svc": (
            make_pipeline(StandardScaler(), LinearSVC(max_iter=20000, random_state=SEED)),
            CANCER,
            {},
        ),
        "scaler_linear_svc_iris": (
            make_pipeline(StandardScaler(), LinearSVC(max_iter=20000, random_state=SEED)),
            IRIS,
            {},
        ),
        "scaler_svc_rbf": (make_pipeline(StandardScaler(), SVC(C=10)), CANCER, {}),
        "scaler_svc_rbf_zipmap": (make_pipeline(StandardScaler(), SVC(C=10)), CANCER, {"zipmap": True}),
        "scaler_svc_linear": (make_pipeline(StandardScaler(), SVC(kernel="linear", C=1)), CANCER, {}),
        "scaler_svc_rbf_iris": (make_pipeline(StandardScaler(), SVC(C=10)), IRIS, {}),
        "imputer_forest": (
            make_pipeline(
                SimpleImputer(missing_values=MISSING), RandomForestClassifier(20, max_depth=5, random_state=SEED)
            ),
            gaps,
            {},
        ),
        "imputer_scaler_logreg": (
            make_pipeline(SimpleImputer(missing_values=MISSING, strategy="median"), StandardScaler(), logistic()),
            gaps,
            {},
        ),
        "imputer_nan_logreg": (make_pipeline(SimpleImputer(), StandardScaler(), logistic()), CANCER, {}),
        "scaler_forest": (
            make_pipeline(StandardScaler(), RandomForestClassifier(20, max_depth=5, random_state=SEED)),
            CANCER,
            {},
        ),
        "minmax_forest_iris": (
            make_pipeline(MinMaxScaler(), RandomForestClassifier(15, max_depth=4, random_state=SEED)),
            IRIS,
            {},
        ),
        "decision_tree": (DecisionTreeClassifier(max_depth=5, random_state=SEED), CANCER, {}),
        "decision_tree_iris_zipmap": (DecisionTreeClassifier(random_state=SEED), IRIS, {"zipmap": True}),
        "decision_stump": (DecisionTreeClassifier(max_depth=1, random_state=SEED), CANCER, {}),
        "forest_digits": (RandomForestClassifier(15, max_depth=6, random_state=SEED), DIGITS, {}),
        "extra_trees_wine": (ExtraTreesClassifier(20, max_depth=6, random_state=SEED), WINE, {}),
        "gradient_boosting": (GradientBoostingClassifier(n_estimators=30, random_state=SEED), CANCER, {}),
        "gradient_boosting_wine": (GradientBoostingClassifier(n_estimators=15, random_state=SEED), WINE, {}),
        "hist_gradient_boosting": (HistGradientBoostingClassifier(max_iter=20, random_state=SEED), CANCER, {}),
        "hist_gradient_boosting_wine": (HistGradientBoostingClassifier(max_iter=10, random_state=SEED), WINE, {}),
        "gaussian_nb_iris": (GaussianNB(), IRIS, {}),
    }


def regressors():
    """name: (pipeline, data)."""
    target = DIABETES.y.std()
    forest = dict(max_depth=6, random_state=SEED)
    return {
        "linear_regression": (LinearRegression(), DIABETES),
        "scaler_ridge": (make_pipeline(StandardScaler(), Ridge()), DIABETES),
        "robust_lasso": (make_pipeline(RobustScaler(), Lasso(1.0)), DIABETES),
        "ridge_two_targets": (make_pipeline(StandardScaler(), Ridge()), two_targets(DIABETES)),
        "minmax_mlp_regressor": (
            make_pipeline(MinMaxScaler(), MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=3000, random_state=SEED)),
            DIABETES,
        ),
        "scaler_svr_rbf": (make_pipeline(StandardScaler(), SVR(C=target, epsilon=target / 2)), DIABETES),
        "scaler_svr_linear": (
            make_pipeline(StandardScaler(), SVR(kernel="linear", C=target, epsilon=target / 2)),
            DIABETES,
        ),
        "scaler_linear_svr": (
            make_pipeline(StandardScaler(), LinearSVR(C=10, max_iter=50000, random_state=SEED)),
            DIABETES,
        ),
        "decision_tree_regressor": (DecisionTreeRegressor(max_depth=5, random_state=SEED), DIABETES),
        "tree_two_targets": (DecisionTreeRegressor(max_depth=4, random_state=SEED), two_targets(DIABETES)),
        "forest_regressor": (RandomForestRegressor(20, **forest), DIABETES),
        "scaler_forest_regressor": (make_pipeline(StandardScaler(), RandomForestRegressor(10, **forest)), DIABETES),
        "extra_trees_regressor": (ExtraTreesRegressor(20, **forest), DIABETES),
        "gradient_boosting_regressor": (GradientBoostingRegressor(n_estimators=40, random_state=SEED), DIABETES),
        "hist_gradient_boosting_regressor": (HistGradientBoostingRegressor(max_iter=20, random_state=SEED), DIABETES),
    }


def text(pipeline):
    """`StandardScaler, LogisticRegression`, as the README lists it."""
    steps = [step for _, step in getattr(pipeline, "steps", [("", pipeline)])]
    return ", ".join(type(step).__name__ for step in steps)


def plain_integers(make_node):
    """onnx takes no numpy booleans as integers, which histogram boosting hands to it."""

    def made(*args, **attributes):
        for name, value in attributes.items():
            if isinstance(value, list) and any(isinstance(v, bool | np.bool_) for v in value):
                attributes[name] = [int(v) for v in value]
        return make_node(*args, **attributes)

    return made


def main():
    _container.make_node = plain_integers(_container.make_node)
    warnings.simplefilter("ignore")
    for name, (pipeline, data, options) in classifiers().items():
        names = getattr(data, "names", None)
        pipeline.fit(data.x, data.y if names is None else names[data.y])
        final = pipeline.steps[-1][1] if hasattr(pipeline, "steps") else pipeline
        options = {"zipmap": False, **options}
        # A LinearSVC knows no such option; a ZipMap is what comes when nothing is said.
        if isinstance(final, LinearSVC) or options["zipmap"]:
            options.pop("zipmap")
        model = to_onnx(pipeline, data.x[:1], target_opset=OPSETS, options={id(final): options}, name=name)
        predicted = pipeline.predict(data.x_test)
        if names is not None:
            predicted = np.searchsorted(pipeline.classes_, predicted)
        publish(
            "sklearn",
            name,
            model,
            data,
            script=__file__,
            data=TITLES[id(data)],
            decision="argmax",
            layers=text(pipeline),
            classes=pipeline.classes_.tolist(),
            reference=predicted,
        )
    for name, (pipeline, data) in regressors().items():
        pipeline.fit(data.x, data.y)
        model = to_onnx(pipeline, data.x[:1], target_opset=OPSETS, name=name)
        predicted = pipeline.predict(data.x_test)
        publish(
            "sklearn",
            name,
            model,
            data,
            script=__file__,
            data=TITLES[id(data)],
            decision="value",
            layers=text(pipeline),
            reference=predicted,
        )


if __name__ == "__main__":
    main()
