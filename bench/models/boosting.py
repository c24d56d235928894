#!/usr/bin/env python3
"""XGBoost and LightGBM as onnxmltools exports them: binary, several classes, regression.

Writes `models/boosting/`: small ensembles on raw features, and two pipelines with a scaler in
front, through skl2onnx with onnxmltools' converters.
"""

import warnings
from copy import copy

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as lightgbm_operator
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as xgboost_operator
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

import datasets
from publish import publish

OPSET = 15
OPSETS = {"": 17, "ai.onnx.ml": 3}
DATA = {
    "breast_cancer": datasets.breast_cancer(),
    "wine": datasets.wine(),
    "digits": datasets.digits(),
    "diabetes": datasets.diabetes(),
}
XGB = dict(n_estimators=20, max_depth=4, random_state=0, n_jobs=1)
LGBM = dict(
    n_estimators=20, num_leaves=15, random_state=0, n_jobs=1, verbose=-1, deterministic=True, force_row_wise=True
)


def in_steps(name, data, column, step):
    """The data set with one feature in whole steps: a category by number."""
    result = copy(data)
    for part in ("x", "x_test"):
        values = getattr(data, part).copy()
        values[:, column] = np.floor(values[:, column] / step)
        setattr(result, part, values)
    DATA[name] = result
    return name


def models():
    """name: (estimator, data)."""
    steps = in_steps("diabetes, age in steps of 10 years", DATA["diabetes"], 0, 10)
    categories = dict(min_data_per_group=5, cat_smooth=1.0, max_cat_to_onehot=1, cat_l2=1.0)
    return {
        "xgb_binary": (XGBClassifier(**XGB), "breast_cancer"),
        "xgb_binary_base_score": (XGBClassifier(**XGB, base_score=0.3), "breast_cancer"),
        "xgb_wine": (XGBClassifier(**XGB), "wine"),
        "xgb_digits": (XGBClassifier(**{**XGB, "n_estimators": 8}), "digits"),
        "xgb_regressor": (XGBRegressor(**XGB), "diabetes"),
        "xgb_regressor_base_score": (XGBRegressor(**XGB, base_score=100.0), "diabetes"),
        "xgb_poisson": (XGBRegressor(**XGB, objective="count:poisson"), "diabetes"),
        "scaler_xgb": (make_pipeline(StandardScaler(), XGBClassifier(**XGB)), "breast_cancer"),
        "lgbm_binary": (LGBMClassifier(**LGBM), "breast_cancer"),
        "lgbm_binary_zipmap": (LGBMClassifier(**LGBM), "breast_cancer"),
        "lgbm_wine": (LGBMClassifier(**LGBM, min_child_samples=5), "wine"),
        "lgbm_digits": (LGBMClassifier(**{**LGBM, "n_estimators": 8}), "digits"),
        "lgbm_regressor": (LGBMRegressor(**LGBM), "diabetes"),
        "lgbm_dart": (LGBMRegressor(**LGBM, boosting_type="dart"), "diabetes"),
        "lgbm_categories": (LGBMRegressor(**LGBM, **categories), steps),
        "scaler_lgbm": (make_pipeline(StandardScaler(), LGBMClassifier(**LGBM)), "breast_cancer"),
    }


def convert(name, estimator, columns):
    if name.startswith("scaler"):
        return to_onnx(
            estimator,
            np.zeros((1, columns), np.float32),
            target_opset=OPSETS,
            name=name,
            options={id(estimator.steps[-1][1]): {"zipmap": False}},
        )
    inputs = [("x", FloatTensorType([1, columns]))]
    if name.startswith("xgb"):
        return convert_xgboost(estimator, name, inputs, target_opset=OPSET)
    return convert_lightgbm(estimator, name, inputs, target_opset=OPSET, zipmap=name.endswith("zipmap"))


def main():
    warnings.simplefilter("ignore")
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for kind, operator in ((XGBClassifier, xgboost_operator), (LGBMClassifier, lightgbm_operator)):
        update_registered_converter(
            kind, kind.__name__, calculate_linear_classifier_output_shapes, operator, options=options
        )
    for name, (estimator, title) in models().items():
        data = DATA[title]
        final = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
        estimator.fit(data.x, data.y, **({"categorical_feature": [0]} if name == "lgbm_categories" else {}))
        classes = [int(c) for c in final.classes_] if hasattr(final, "classes_") else None
        publish(
            "boosting",
            name,
            convert(name, estimator, data.x.shape[1]),
            data,
            script=__file__,
            data=title,
            decision="argmax" if classes else "value",
            classes=classes,
            layers=", ".join(
                type(step).__name__
                for step in ([*estimator.named_steps.values()] if final is not estimator else [final])
            ),
            reference=estimator.predict(data.x_test),
        )


if __name__ == "__main__":
    main()
