"""Trains small models with XGBoost and LightGBM, and writes their files beside their own predictions.

    train_trees.py DIRECTORY

Each model gets a directory with its file, the features as raw float32 or float64, and the predictions as raw float64.
DIRECTORY/models.json lists them. Everything is made from fixed seeds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import xgboost as xgb

ROWS = 600
COLUMNS = 8
ROUNDS = 25
# The last column holds categories from 0 to 39.
CATEGORIES = 40


def make_features(seed: int, missing: float = 0.0, zeros: float = 0.0) -> np.ndarray:
    """Normal numbers, in the last column categories; a share of them missing, another zero."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(ROWS, COLUMNS))
    features[:, -1] = rng.integers(0, CATEGORIES, ROWS)
    # Values that are exact in float32 and equal often, so that some meet thresholds.
    features[:, 0] = np.round(features[:, 0] * 4) / 4
    features[rng.random(features.shape) < zeros] = 0
    features[rng.random(features.shape) < missing] = np.nan
    return features


def make_target(features: np.ndarray) -> np.ndarray:
    """A number that depends on every column."""
    known = np.nan_to_num(features, nan=0.7)
    return known[:, 0] * known[:, 1] + np.sin(3 * known[:, 2]) + (known[:, -1] % 7) / 3 + np.abs(known[:, 3])


def labels_of(target: np.ndarray, kind: str) -> np.ndarray:
    """The target as an objective wants it."""
    if kind == "binary":
        return (target > np.median(target)).astype(np.float64)
    if kind == "classes":
        return np.digitize(target, np.quantile(target, [0.25, 0.5, 0.75])).astype(np.float64)
    if kind == "share":
        return 1 / (1 + np.exp(-target))
    if kind == "count":
        return np.floor(np.exp(np.clip(target, -2, 3)))
    if kind == "positive":
        return np.exp(np.clip(target, -2, 3))
    if kind == "two":
        return np.stack([target, -2 * target**2], axis=1)
    return target


class Writer:
    """Writes models and lists them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.listed: list[dict[str, Any]] = []

    def directory_of(self, name: str) -> Path:
        """The new directory of a model."""
        directory = self.directory / name
        directory.mkdir()
        return directory

    def add(self, name: str, features: np.ndarray, predictions: np.ndarray) -> None:
        """The model's file has been written; this writes the rest."""
        directory = self.directory / name
        np.ascontiguousarray(features).tofile(directory / "features.bin")
        np.ascontiguousarray(predictions, np.float64).tofile(directory / "predictions.bin")
        self.listed.append({"name": name, "dtype": str(features.dtype), "shape": list(predictions.shape)})


def add_xgboost(writer: Writer, name: str, kind: str, missing: float = 0.0, categorical: bool = False, **parameters: Any) -> None:
    """A model.json of XGBoost, and binary/model.ubj, whose predictions are those of the loaded file."""
    features = make_features(len(writer.listed), missing).astype(np.float32)
    types = ["q"] * (COLUMNS - 1) + ["c" if categorical else "q"]
    data = {"feature_types": types, "enable_categorical": True}
    target = labels_of(make_target(features.astype(np.float64)), kind)
    train = xgb.DMatrix(features, target, **data)
    booster = xgb.train({"max_depth": 5, "eta": 0.3, "seed": 7, "nthread": 1, **parameters}, train, ROUNDS)
    file = writer.directory_of(name) / "model.json"
    booster.save_model(file)
    binary = file.parent / "binary"
    binary.mkdir()
    booster.save_model(binary / "model.ubj")
    loaded = xgb.Booster(model_file=file)
    asked = make_features(1000 + len(writer.listed), missing).astype(np.float32)
    if categorical:
        # Categories that the training has not seen.
        asked[:20, -1] = np.arange(20) + CATEGORIES
    writer.add(name, asked, loaded.predict(xgb.DMatrix(asked, **data)))


def add_lightgbm(
    writer: Writer,
    name: str,
    kind: str,
    missing: float = 0.0,
    zeros: float = 0.0,
    categorical: bool = False,
    as_json: bool = False,
    **parameters: Any,
) -> None:
    """A model.txt of LightGBM, or its dump as JSON."""
    features = make_features(len(writer.listed), missing, zeros)
    target = labels_of(make_target(features), kind)
    columns = [COLUMNS - 1] if categorical else []
    train = lgb.Dataset(features, target, categorical_feature=columns, free_raw_data=False)
    common = {"num_leaves": 15, "min_data_in_leaf": 5, "seed": 7, "num_threads": 1, "verbosity": -1, "deterministic": True}
    booster = lgb.train({**common, **parameters}, train, ROUNDS)
    directory = writer.directory_of(name)
    if as_json:
        (directory / "model.json").write_text(json.dumps(booster.dump_model()))
    else:
        booster.save_model(directory / "model.txt")
    asked = make_features(1000 + len(writer.listed), missing, zeros)
    if categorical:
        asked[:20, -1] = np.arange(20) + CATEGORIES - 10
        asked[20:30, -1] = -1
    writer.add(name, asked, booster.predict(asked))


def add_all_xgboost(writer: Writer) -> None:
    """Every family of objectives, missing values, categories, DART, a forest, several outputs."""
    add_xgboost(writer, "xgboost-regression", "number", objective="reg:squarederror")
    add_xgboost(writer, "xgboost-missing", "number", missing=0.3, objective="reg:absoluteerror")
    add_xgboost(writer, "xgboost-binary", "binary", missing=0.1, objective="binary:logistic")
    add_xgboost(writer, "xgboost-logistic", "share", objective="reg:logistic", base_score=0.3)
    add_xgboost(writer, "xgboost-softprob", "classes", objective="multi:softprob", num_class=4)
    add_xgboost(writer, "xgboost-softmax", "classes", missing=0.1, objective="multi:softmax", num_class=4)
    add_xgboost(writer, "xgboost-poisson", "count", objective="count:poisson")
    add_xgboost(writer, "xgboost-gamma", "positive", objective="reg:gamma")
    add_xgboost(writer, "xgboost-tweedie", "count", objective="reg:tweedie", tweedie_variance_power=1.4)
    add_xgboost(writer, "xgboost-hinge", "binary", objective="binary:hinge")
    add_xgboost(writer, "xgboost-raw", "binary", objective="binary:logitraw")
    add_xgboost(writer, "xgboost-dart", "binary", booster="dart", rate_drop=0.3, objective="binary:logistic")
    add_xgboost(writer, "xgboost-categories", "number", missing=0.1, categorical=True, max_cat_to_onehot=4)
    add_xgboost(writer, "xgboost-one-hot", "number", categorical=True, max_cat_to_onehot=100)
    add_xgboost(writer, "xgboost-forest", "number", num_parallel_tree=4, subsample=0.7, colsample_bynode=0.7, eta=1)
    add_xgboost(writer, "xgboost-targets", "two", objective="reg:squarederror")


def add_all_lightgbm(writer: Writer) -> None:
    """Every family of objectives, each kind of missing values, categories, a forest, both formats."""
    add_lightgbm(writer, "lightgbm-regression", "number", objective="regression")
    add_lightgbm(writer, "lightgbm-missing", "number", missing=0.3, objective="regression_l1")
    add_lightgbm(writer, "lightgbm-zeros", "number", missing=0.1, zeros=0.3, zero_as_missing=True, objective="huber")
    add_lightgbm(writer, "lightgbm-no-missing", "number", zeros=0.3, use_missing=False, objective="quantile", alpha=0.8)
    add_lightgbm(writer, "lightgbm-root", "positive", objective="regression", reg_sqrt=True)
    add_lightgbm(writer, "lightgbm-binary", "binary", missing=0.1, objective="binary", sigmoid=0.8)
    add_lightgbm(writer, "lightgbm-classes", "classes", objective="multiclass", num_class=4)
    add_lightgbm(writer, "lightgbm-one-to-all", "classes", objective="multiclassova", num_class=4)
    add_lightgbm(writer, "lightgbm-poisson", "count", objective="poisson")
    add_lightgbm(writer, "lightgbm-tweedie", "count", objective="tweedie")
    add_lightgbm(writer, "lightgbm-share", "share", objective="cross_entropy")
    add_lightgbm(writer, "lightgbm-lambda", "share", objective="cross_entropy_lambda")
    forest = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}
    add_lightgbm(writer, "lightgbm-forest", "number", objective="regression", **forest)
    add_lightgbm(writer, "lightgbm-forest-json", "binary", as_json=True, objective="binary", **forest)
    add_lightgbm(writer, "lightgbm-categories", "number", missing=0.1, categorical=True, objective="regression")
    add_lightgbm(writer, "lightgbm-json", "classes", missing=0.1, categorical=True, as_json=True, objective="multiclass", num_class=4)


def main() -> None:
    """See the module's docstring."""
    writer = Writer(Path(sys.argv[1]))
    add_all_xgboost(writer)
    add_all_lightgbm(writer)
    (writer.directory / "models.json").write_text(json.dumps(writer.listed))
    print(f"xgboost {xgb.__version__}, lightgbm {lgb.__version__}: {len(writer.listed)} models")


if __name__ == "__main__":
    main()
