"""Trains models on data frames of random columns, and writes rows of them as JSON beside the libraries' predictions.

    train_frames.py DIRECTORY SEED COUNT

Columns are floats, whole numbers, booleans and categories: texts, whole numbers, ordered, unused, with values missing, with
more categories than the training has seen. Each model gets a directory with its file and frames.json, which has rows as
DataFrame.to_dict("records") and to_dict("list") give them, and what the library predicts for the frame. XGBoost is asked by
the loaded file. DIRECTORY/models.json lists the directories.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb

ROWS = 300
ASKED = 40
WORDS = ["Oslo", "Rome", "Bern", "São Paulo", "København", "yes", "no", "", "x y", 'quo"te', "1", "true", "__proto__"]


def category_column(rng: np.random.Generator, kind: str, rows: int) -> pd.Categorical:
    """Values of some categories, of which not all need be there."""
    if kind == "numbers":
        categories: list[Any] = sorted(int(each) for each in rng.choice(60, rng.integers(2, 9), replace=False))
    else:
        categories = [str(each) for each in rng.choice(WORDS, rng.integers(2, 8), replace=False)]
    used = categories[: max(1, len(categories) - int(rng.integers(0, 2)))]
    if kind == "unused":
        used = used[:1]
    values = pd.array([used[i] for i in rng.integers(0, len(used), rows)], dtype=object)
    return pd.Categorical(values, categories=categories, ordered=kind == "ordered")


def make_frame(rng: np.random.Generator, kinds: list[str], rows: int) -> pd.DataFrame:
    """A column of each kind. Names of some have white space."""
    columns: dict[str, Any] = {}
    for i, kind in enumerate(kinds):
        name = f"{kind}{' of ' if i % 3 == 2 else '_'}{i}"
        if kind == "float":
            columns[name] = np.where(rng.random(rows) < 0.1, np.nan, np.round(rng.normal(20, 9, rows), 4))
        elif kind == "int":
            columns[name] = rng.integers(0, int(rng.integers(2, 90)), rows)
        elif kind == "bool":
            columns[name] = rng.random(rows) < 0.4
        else:
            columns[name] = category_column(rng, kind, rows)
    return pd.DataFrame(columns)


def target_of(frame: pd.DataFrame) -> np.ndarray:
    """A number that depends on every column."""
    total = np.zeros(len(frame))
    for i, name in enumerate(frame.columns):
        column = frame[name]
        values = column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column.fillna(7).astype(float)
        total += np.sin((i + 1) * np.asarray(values, float)) + np.asarray(values, float) / 10
    return total


def with_missing(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """Some categories are missing."""
    frame = frame.copy()
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame.loc[rng.random(len(frame)) < 0.1, name] = np.nan
    return frame


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Values as JSON has them: null where one is missing."""
    return frame.astype(object).where(frame.notna(), None)


def write(directory: Path, frame: pd.DataFrame, predictions: np.ndarray, library: str) -> None:
    """The rows and predictions; the model's file has been written."""
    objects = plain(frame)
    content = {
        "library": library,
        "records": objects.to_dict("records"),
        "lists": objects.to_dict("list"),
        "categories": {
            name: list(frame[name].cat.categories)
            for name in frame.columns
            if isinstance(frame[name].dtype, pd.CategoricalDtype)
        },
        "predictions": np.asarray(predictions, float).tolist(),
    }
    (directory / "frames.json").write_text(json.dumps(content))


def add(directory: Path, seed: int, library: str) -> None:
    """A model of one of both libraries, by its data frame."""
    rng = np.random.default_rng(seed)
    kinds = [str(each) for each in rng.choice(["float", "int", "bool", "text", "numbers", "ordered", "unused"], rng.integers(2, 8))]
    if library == "xgboost":
        kinds = ["text" if kind == "unused" else kind for kind in kinds]
    frame = with_missing(rng, make_frame(rng, kinds, ROWS))
    target = target_of(frame)
    directory.mkdir()
    asked = frame.sample(ASKED, random_state=seed)
    if library == "xgboost":
        booster = xgb.train({"max_depth": 4, "nthread": 1}, xgb.DMatrix(frame, target, enable_categorical=True), 12)
        booster.save_model(directory / "model.json")
        (directory / "binary").mkdir()
        booster.save_model(directory / "binary" / "model.ubj")
        loaded = xgb.Booster(model_file=directory / "model.json")
        write(directory, asked, loaded.predict(xgb.DMatrix(asked, enable_categorical=True)), library)
        return
    asked = asked.copy()
    for name in asked.columns:
        if isinstance(asked[name].dtype, pd.CategoricalDtype) and not asked[name].cat.ordered:
            # A category that the training does not have.
            unknown: Any = 1000 if name.startswith("numbers") else "Atlantis"
            asked[name] = asked[name].cat.add_categories([unknown])
            asked.iloc[int(rng.integers(0, ASKED)), asked.columns.get_loc(name)] = unknown
    settings = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, "min_data_per_group": 5, "deterministic": True}
    booster = lgb.train(settings, lgb.Dataset(frame, target), 12)
    booster.save_model(directory / "model.txt")
    (directory / "dump.json").write_text(json.dumps(booster.dump_model()))

    write(directory, asked, booster.predict(asked), library)
    content = json.loads((directory / "frames.json").read_text())
    content["categories"] = {
        name: list(frame[name].cat.categories) for name in frame.columns if isinstance(frame[name].dtype, pd.CategoricalDtype)
    }
    (directory / "frames.json").write_text(json.dumps(content))


def main() -> None:
    """See the module's docstring."""
    directory, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    names = []
    for i in range(count):
        library = "xgboost" if i % 2 else "lightgbm"
        names.append(f"{library}-{seed + i}")
        add(directory / names[-1], seed + i, library)
    (directory / "models.json").write_text(json.dumps(names))


if __name__ == "__main__":
    main()
