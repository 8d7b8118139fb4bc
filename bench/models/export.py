"""Writes the models that the benchmarks serve; they are made on the spot and never committed.

    python bench/models/export.py OUT

Each lands in OUT/<name>/1/model.onnx. The weights are random but seeded: the same call gives the same bytes. Besides
half_plus_two, which costs next to nothing to run and so shows the server's own cost:

    mlp_small   128-512-512-10             0.3 million weights   1.3 MB   a cheap model, where batching pays
    mlp_mid     256-1024-1024-256          1.6 million weights   6.3 MB   one of a millisecond or so
    mlp_wide    256-2048-2048-256          5.2 million weights    21 MB   one of some milliseconds, of which ten fit
    mlp_big     1024-2048-2048-2048-1000   12.5 million weights   50 MB   one that keeps a core busy

image_mean has no weights either: the mean of each channel of a 3x224x224 image. A row is 602 KB, so that it shows what
it costs to carry a tensor.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

from half_plus_two.export import export as export_half_plus_two  # noqa: E402
from onnx_graph import GraphWriter, Layer, batched  # noqa: E402

WIDTHS = {
    "mlp_small": (128, 512, 512, 10),
    "mlp_mid": (256, 1024, 1024, 256),
    "mlp_wide": (256, 2048, 2048, 256),
    "mlp_big": (1024, 2048, 2048, 2048, 1000),
}
IMAGE_SHAPE = (3, 224, 224)
SEED = 0


def random_layers(widths: tuple[int, ...]) -> list[Layer]:
    """Draws layers scaled so that activations keep their size from one layer to the next (He)."""
    random = np.random.default_rng(SEED)
    return [
        (
            random.standard_normal((inputs, units), np.float32) * np.float32(np.sqrt(2 / inputs)),
            random.standard_normal(units, np.float32) * np.float32(0.1),
        )
        for inputs, units in pairwise(widths)
    ]


def export_mlp(repository: Path, name: str) -> Path:
    """Writes version 1 of one of the networks in WIDTHS and returns the file's path."""
    widths = WIDTHS[name]
    graph = GraphWriter()
    graph.mlp("x", random_layers(widths), "y")
    path = repository / name / "1" / "model.onnx"
    doc = f"A benchmark network with random weights: {'-'.join(map(str, widths))}, ReLU between."
    graph.save(path, name, doc, [batched("x", np.float32, widths[0])], [batched("y", np.float32, widths[-1])])
    return path


def export_image_mean(repository: Path) -> Path:
    """Writes version 1 of image_mean and returns the file's path."""
    graph = GraphWriter()
    graph.op("Flatten", [graph.op("GlobalAveragePool", ["x"], "means")], "y", axis=1)
    path = repository / "image_mean" / "1" / "model.onnx"
    inputs = [batched("x", np.float32, *IMAGE_SHAPE)]
    outputs = [batched("y", np.float32, IMAGE_SHAPE[0])]
    graph.save(path, "image_mean", "The mean of each channel of an image.", inputs, outputs)
    return path


def main() -> None:
    """Writes every benchmark model into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Write the benchmark models as a model repository.")
    parser.add_argument("out", type=Path, help="folder to write <name>/1/model.onnx into")
    out: Path = parser.parse_args().out
    mlps = (export_mlp(out, name) for name in WIDTHS)
    for path in (export_half_plus_two(out), export_image_mean(out), *mlps):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
