"""Trains the network of the digits example and writes everything that the demo serves and checks.

    python examples/digits/train.py                 train, save weights.npz and the held-out scans, export ONNX
    python examples/digits/train.py --format onnx   export the saved weights again, without training

The network is 64-64-10: 8x8 pixels of 0..16, one hidden layer with ReLU, ten logits. It sees three quarters of the
1,797 scans; its accuracy on the other quarter is printed, and below MIN_ACCURACY nothing is written and the exit
status is 1. A second run writes the same bytes. To add a format, write a function beside export_onnx and name it in
EXPORTERS: it starts from the saved weights, so every format holds the same network.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from onnx_graph import FloatArray, GraphWriter, batched  # noqa: E402
from scan_files import write_expected, write_scans  # noqa: E402

WEIGHTS_FILE = HERE / "weights.npz"
ONNX_FILE = HERE / "models" / "digits" / "1" / "model.onnx"
MIN_ACCURACY = 0.97
SEED = 0
TEST_SHARE = 0.25
HIDDEN_UNITS = 64
PIXEL_MAX = 16.0

# Weights are kept as multiples of 1/64. Pixels are whole sixteenths, so everything up to the logits is a multiple of
# 2**-16, and no scan drives a partial sum past 112: that fits in the 24 bits of a float32. The logits are therefore
# exact, whatever order a runtime adds in, and a scan has the same answer alone and in a batch. The rounding also
# swallows what the last bits of the training arithmetic owe to the processor: with OpenBLAS made to use its Nehalem,
# Haswell and SkylakeX kernels in turn, the saved weights were the same. The price is one held-out scan of the 450.
WEIGHT_STEP = 1 / 64


class Split(NamedTuple):
    """The scans as float64 [count, 64] with values 0..16 and their labels, both parts in the data set's order."""

    train_pixels: npt.NDArray[np.float64]
    train_labels: npt.NDArray[np.int64]
    test_pixels: npt.NDArray[np.float64]
    test_labels: npt.NDArray[np.int64]


class Weights(NamedTuple):
    """What training found, for any format: kernels are [inputs, units] and expect pixels divided by PIXEL_MAX."""

    hidden_kernel: FloatArray
    hidden_bias: FloatArray
    output_kernel: FloatArray
    output_bias: FloatArray


def load_split() -> Split:
    """Splits the scans by a fixed seed, with each digit's share alike in both parts."""
    digits = load_digits()
    train_part, test_part = train_test_split(
        np.arange(len(digits.target)), test_size=TEST_SHARE, stratify=digits.target, random_state=SEED
    )
    train_part.sort()
    test_part.sort()
    return Split(digits.data[train_part], digits.target[train_part], digits.data[test_part], digits.target[test_part])


def train(split: Split) -> Weights:
    """Trains on the training part until the loss stops falling."""
    classifier = MLPClassifier((HIDDEN_UNITS,), alpha=0.01, batch_size=32, tol=1e-3, max_iter=500, random_state=SEED)
    classifier.fit(split.train_pixels / PIXEL_MAX, split.train_labels)
    (hidden_kernel, output_kernel), (hidden_bias, output_bias) = classifier.coefs_, classifier.intercepts_
    return Weights(*map(round_weights, (hidden_kernel, hidden_bias, output_kernel, output_bias)))


def round_weights(values: npt.NDArray[np.float64]) -> FloatArray:
    """Rounds to the nearest multiple of WEIGHT_STEP."""
    return (np.round(values / WEIGHT_STEP) * WEIGHT_STEP).astype(np.float32)


def load_weights() -> Weights:
    """Reads the weights that an earlier run saved."""
    with np.load(WEIGHTS_FILE) as saved:
        return Weights(**saved)


def accuracy(weights: Weights, split: Split) -> float:
    """Tells the share of held-out scans that the network reads right."""
    hidden = np.maximum(split.test_pixels / PIXEL_MAX @ weights.hidden_kernel + weights.hidden_bias, 0)
    logits = hidden @ weights.output_kernel + weights.output_bias
    return float(np.mean(logits.argmax(axis=1) == split.test_labels))


def export_onnx(weights: Weights) -> None:
    """Writes the ONNX model, and beside it what ONNX Runtime answers for the held-out scans."""
    graph = GraphWriter()
    scaled = graph.op("Div", ["pixels", graph.constant("pixel_max", PIXEL_MAX)], "scaled")
    layers = [(weights.hidden_kernel, weights.hidden_bias), (weights.output_kernel, weights.output_bias)]
    logits = graph.mlp(scaled, layers, "logits")
    graph.op("Softmax", [logits], "probabilities", axis=1)
    graph.op("ArgMax", [logits], "digit", axis=1, keepdims=0)
    graph.save(
        ONNX_FILE,
        "digits",
        "Reads a hand-written digit from an 8x8 scan, given row by row as 64 values of 0 (paper) to 16 (ink).",
        [batched("pixels", np.float32, 64)],
        [batched("probabilities", np.float32, 10), batched("digit", np.int64)],
    )
    write_expected(ONNX_FILE)


EXPORTERS: dict[str, Callable[[Weights], None]] = {"onnx": export_onnx}


def main() -> None:
    """Runs the command line described at the top of this file."""
    parser = argparse.ArgumentParser(description="Train the digits example, or export its saved weights.")
    parser.add_argument("--format", choices=sorted(EXPORTERS), help="only export weights.npz in this format")
    chosen: str | None = parser.parse_args().format

    split = load_split()
    weights = load_weights() if chosen else train(split)
    reached = accuracy(weights, split)
    print(f"accuracy on {len(split.test_labels)} held-out scans: {reached:.4f}")
    if reached < MIN_ACCURACY:
        sys.exit(f"below {MIN_ACCURACY}: nothing written")

    if not chosen:
        np.savez(WEIGHTS_FILE, **weights._asdict())
        write_scans(split.test_pixels, split.test_labels)
    EXPORTERS[chosen or "onnx"](weights)


if __name__ == "__main__":
    main()
