"""Writes the network of digits, from the weights that train.py saved, in TensorFlow's formats.

    python examples/digits/export_tensorflow.py     after pip install --require-hashes -r examples/requirements-tensorflow.txt

    models/digits_tensorflow/1/    a SavedModel: predict, and classify, which reads tf.Examples with the feature "pixels"
    models/digits_tfjs/1/          a graph model of TensorFlow.js, predict alone
    models/digits_layers/1/        a layers model of TensorFlow.js, which has no "digit"
    expected_tensorflow.json       [{digit, probabilities}], TensorFlow's answers for the scans of scans.json

The inputs and outputs are those of the ONNX model, so the three answer the same requests.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
PIXEL_MAX = 16.0
LABELS = [str(digit) for digit in range(10)]


class Digits(tf.Module):
    """The network, 64-64-10."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        names = ("hidden_kernel", "hidden_bias", "output_kernel", "output_bias")
        self.hidden, self.hidden_bias, self.output, self.output_bias = (
            tf.Variable(weights[name], name=name) for name in names
        )

    def read(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        hidden = tf.nn.relu(pixels / PIXEL_MAX @ self.hidden + self.hidden_bias)
        logits = hidden @ self.output + self.output_bias
        return {"probabilities": tf.nn.softmax(logits), "digit": tf.argmax(logits, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "pixels")])
    def predict(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.read(pixels)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels = tf.io.parse_example(inputs, {"pixels": tf.io.FixedLenFeature([64], tf.float32)})["pixels"]
        scores = self.read(pixels)["probabilities"]
        return {"scores": scores, "classes": tf.tile([LABELS], [tf.shape(scores)[0], 1])}


def write_saved_model(digits: Digits, folder: Path) -> None:
    """With the method name of classify, which TensorFlow 2 does not write by itself."""
    tf.saved_model.save(
        digits, str(folder), signatures={"serving_default": digits.predict, "classify": digits.classify}
    )
    shutil.rmtree(folder / "assets", ignore_errors=True)
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / "saved_model.pb"
    proto = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    proto.meta_graphs[0].signature_def["classify"].method_name = "tensorflow/serving/classify"
    path.write_bytes(proto.SerializeToString(deterministic=True))


def write_json_model(folder: Path, topology: dict, weights: dict[str, np.ndarray], **rest: object) -> None:
    """A model.json whose weights are in one shard."""
    folder.mkdir(parents=True)
    shard = "group1-shard1of1.bin"
    specs = [
        {"name": name, "shape": list(value.shape), "dtype": str(value.dtype)} for name, value in weights.items()
    ]
    model = {"modelTopology": topology, **rest, "weightsManifest": [{"paths": [shard], "weights": specs}]}
    (folder / "model.json").write_text(json.dumps(model, indent=1) + "\n")
    (folder / shard).write_bytes(b"".join(value.tobytes() for value in weights.values()))


def write_graph_model(weights: dict[str, np.ndarray], folder: Path) -> None:
    """The nodes that TensorFlow.js's converter would write."""
    constants = {**weights, "pixel_max": np.float32(PIXEL_MAX), "axis": np.int32(1)}
    dtype = {"T": {"type": "DT_FLOAT"}}
    shape = {"shape": {"dim": [{"size": "-1"}, {"size": "64"}]}}

    def node(name: str, op: str, inputs: list[str], **attr: object) -> dict:
        return {"name": name, "op": op, "input": inputs, "attr": {**dtype, **attr}}

    nodes = [{"name": "pixels", "op": "Placeholder", "attr": {"dtype": {"type": "DT_FLOAT"}, "shape": shape}}]
    for name, value in constants.items():
        kind = {"type": "DT_INT32" if value.dtype == np.int32 else "DT_FLOAT"}
        size = {"dim": [{"size": str(dim)} for dim in value.shape]}
        tensor = {"tensor": {"dtype": kind["type"], "tensorShape": size}}
        nodes.append({"name": name, "op": "Const", "attr": {"dtype": kind, "value": tensor}})
    straight = {"transpose_a": {"b": False}, "transpose_b": {"b": False}}
    nodes += [
        node("scaled", "RealDiv", ["pixels", "pixel_max"]),
        node("hidden_product", "MatMul", ["scaled", "hidden_kernel"], **straight),
        node("hidden_sum", "BiasAdd", ["hidden_product", "hidden_bias"]),
        node("hidden", "Relu", ["hidden_sum"]),
        node("output_product", "MatMul", ["hidden", "output_kernel"], **straight),
        node("logits", "BiasAdd", ["output_product", "output_bias"]),
        node("probabilities", "Softmax", ["logits"]),
        node("digit", "ArgMax", ["logits", "axis"], output_type={"type": "DT_INT64"}),
    ]

    def info(name: str, kind: str, *dims: str) -> dict:
        return {"name": f"{name}:0", "dtype": kind, "tensorShape": {"dim": [{"size": dim} for dim in dims]}}

    signature = {
        "inputs": {"pixels": info("pixels", "DT_FLOAT", "-1", "64")},
        "outputs": {
            "probabilities": info("probabilities", "DT_FLOAT", "-1", "10"),
            "digit": info("digit", "DT_INT64", "-1"),
        },
    }
    write_json_model(folder, {"node": nodes, "versions": {"producer": 1882}}, constants, format="graph-model", signature=signature)


def write_layers_model(weights: dict[str, np.ndarray], folder: Path) -> None:
    """What a model of two dense layers writes with save(); the division is in the first kernel, exactly."""

    def dense(name: str, units: int, activation: str, **rest: object) -> dict:
        config = {"name": name, "trainable": True, "dtype": "float32", "units": units, "activation": activation}
        return {"class_name": "Dense", "config": {**config, "use_bias": True, **rest}}

    layers = [
        dense("hidden", 64, "relu", batch_input_shape=[None, 64]),
        dense("probabilities", 10, "softmax"),
    ]
    topology = {"class_name": "Sequential", "config": {"name": "digits", "layers": layers}, "keras_version": "2.4.0"}
    named = {
        "hidden/kernel": weights["hidden_kernel"] / np.float32(PIXEL_MAX),
        "hidden/bias": weights["hidden_bias"],
        "probabilities/kernel": weights["output_kernel"],
        "probabilities/bias": weights["output_bias"],
    }
    write_json_model(folder, topology, named, format="layers-model")


def write_expected(digits: Digits, path: Path) -> None:
    """Each float32 as the equal float64."""
    scans = json.loads((HERE / "scans.json").read_text())
    answers = digits.predict(tf.constant([scan["pixels"] for scan in scans], tf.float32))
    lines = [
        json.dumps({"digit": digit, "probabilities": probabilities})
        for digit, probabilities in zip(
            answers["digit"].numpy().tolist(), answers["probabilities"].numpy().tolist(), strict=True
        )
    ]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def main() -> None:
    with np.load(HERE / "weights.npz") as saved:
        weights = dict(saved)
    digits = Digits(weights)
    for name in ("digits_tensorflow", "digits_tfjs", "digits_layers"):
        shutil.rmtree(HERE / "models" / name, ignore_errors=True)
    write_saved_model(digits, HERE / "models" / "digits_tensorflow" / "1")
    write_graph_model(weights, HERE / "models" / "digits_tfjs" / "1")
    write_layers_model(weights, HERE / "models" / "digits_layers" / "1")
    write_expected(digits, HERE / "expected_tensorflow.json")


main()
