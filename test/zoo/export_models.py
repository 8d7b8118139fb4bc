"""Models of scikit-learn, LightGBM and XGBoost, trained on data that comes with scikit-learn or is made here.

    python export_models.py DIRECTORY        DIRECTORY/NAME.onnx
"""

import sys
from pathlib import Path

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloats
from onnxruntime.quantization import QuantType, quantize_dynamic
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

OUT = Path(sys.argv[1])
SUBJECTS = ["the scheduler", "a request", "the model", "our client", "this server"]
GOOD = ["is quick", "answers well", "works", "is a pleasure", "never fails"]
BAD = ["is slow", "hangs", "crashes at night", "loses data", "fails again"]


def save(name, model):
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())


def sklearn(name, estimator, x, options=None):
    kind = [("x", FloatTensorType([None, x.shape[1]]))]
    save(name, to_onnx(estimator, initial_types=kind, options=options, target_opset={"": 17, "ai.onnx.ml": 3}))


def classifier(name, estimator, x, y):
    # Tensors of probabilities, not maps, which no server's tensors can hold.
    sklearn(name, estimator.fit(x, y), x, {"zipmap": False})


def texts():
    lines = [(f"{s} {g}", 1) for s in SUBJECTS for g in GOOD] + [(f"{s} {b}", 0) for s in SUBJECTS for b in BAD]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(*zip(*lines))
    kind = [("text", StringTensorType([None]))]
    # The default is en_US, which not every machine has.
    options = {LogisticRegression: {"zipmap": False}, TfidfVectorizer: {"locale": "C"}}
    save("tfidf-lr", to_onnx(pipeline, initial_types=kind, options=options, target_opset={"": 17, "ai.onnx.ml": 3}))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    digits, digit = load_digits(return_X_y=True)
    cells, malign = load_breast_cancer(return_X_y=True)
    patients, progress = load_diabetes(return_X_y=True)
    digits, cells, patients = (x.astype(np.float32) for x in (digits, cells, patients))
    classifier("random-forest", RandomForestClassifier(50, random_state=0), digits, digit)
    classifier("logistic-regression", make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)), cells, malign)
    classifier("svc", make_pipeline(StandardScaler(), SVC(random_state=0)), cells, malign)
    classifier("k-nearest-neighbours", KNeighborsClassifier(5), digits, digit)
    mlp = MLPClassifier((128, 64), max_iter=30, random_state=0)
    classifier("mlp", mlp, digits, digit)
    quantize_dynamic(OUT / "mlp.onnx", OUT / "mlp-int8.onnx", weight_type=QuantType.QInt8)
    sklearn("k-means", KMeans(10, n_init=3, random_state=0).fit(digits), digits)
    sklearn("isolation-forest", IsolationForest(random_state=0).fit(cells), cells)
    sklearn("gradient-boosting", GradientBoostingRegressor(random_state=0).fit(patients, progress), patients)
    wide, narrow = MlFloats([None, cells.shape[1]]), MlFloats([None, patients.shape[1]])
    booster = LGBMClassifier(n_estimators=40, random_state=0, verbose=-1).fit(cells, malign)
    save("lightgbm-classifier", convert_lightgbm(booster, initial_types=[("x", wide)], zipmap=False))
    regressor = LGBMRegressor(n_estimators=40, random_state=0, verbose=-1).fit(patients, progress)
    save("lightgbm-regressor", convert_lightgbm(regressor, initial_types=[("x", narrow)]))
    trees = XGBClassifier(n_estimators=40, random_state=0).fit(cells, malign)
    save("xgboost", convert_xgboost(trees, initial_types=[("x", wide)]))
    texts()


main()
