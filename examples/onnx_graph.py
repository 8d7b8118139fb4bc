"""A small writer of ONNX graphs, shared by the examples and the benchmark models.

A graph is built by naming tensors: each method adds one thing and returns the name of the tensor that holds it. Every
model written here has a free first axis called "batch", and the same weights always give the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

# Old on purpose: every runtime of the last years reads these two.
OPSET = 17
IR_VERSION = 8

FloatArray = npt.NDArray[np.float32]
Layer = tuple[FloatArray, FloatArray]
"""The kernel [inputs, units] and the bias [units] of one dense layer."""


def batched(name: str, dtype: npt.DTypeLike, *shape: int) -> onnx.ValueInfoProto:
    """Describes an input or output whose first axis is free and named "batch"; `shape` is the rest."""
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, element, ["batch", *shape])


class GraphWriter:
    """Collects the nodes and constants of one graph, then saves it as a model."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """Adds a float32 constant."""
        self._constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def op(self, kind: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        """Adds a node of one operator, named after the one tensor that it makes."""
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def dense(self, source: str, layer: Layer, output: str) -> str:
        """Adds `source @ kernel + bias`."""
        kernel, bias = layer
        return self.op(
            "Gemm",
            [source, self.constant(f"{output}_kernel", kernel), self.constant(f"{output}_bias", bias)],
            output,
        )

    def mlp(self, source: str, layers: Sequence[Layer], output: str) -> str:
        """Adds dense layers with a ReLU after each but the last, which makes `output`."""
        *hidden, last = layers
        for index, layer in enumerate(hidden):
            source = self.op("Relu", [self.dense(source, layer, f"dense_{index}")], f"relu_{index}")
        return self.dense(source, last, output)

    def save(
        self,
        path: Path,
        name: str,
        doc: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
    ) -> None:
        """Checks the model and writes it to `path`, making the folders on the way."""
        graph = helper.make_graph(self._nodes, name, inputs, outputs, self._constants, doc_string=doc)
        model = helper.make_model(
            graph,
            producer_name="pillion-examples",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
