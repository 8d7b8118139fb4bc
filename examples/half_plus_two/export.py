"""Writes half_plus_two, the "hello, world" of model servers: y = x / 2 + 2 for each number of a batch.

    python examples/half_plus_two/export.py

With it {"instances": [1.0, 2.0, 5.0]} is answered {"predictions": [2.5, 3.0, 4.5]}.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from onnx_graph import GraphWriter, batched  # noqa: E402

NAME = "half_plus_two"


def export(repository: Path) -> Path:
    """Writes version 1 into a model repository and returns the file's path."""
    graph = GraphWriter()
    half = graph.op("Mul", ["x", graph.constant("one_half", 0.5)], "half")
    graph.op("Add", [half, graph.constant("two", 2.0)], "y")
    path = repository / NAME / "1" / "model.onnx"
    graph.save(path, NAME, "y = x / 2 + 2", [batched("x", np.float32)], [batched("y", np.float32)])
    return path


if __name__ == "__main__":
    print(f"wrote {export(HERE / 'models')}")
