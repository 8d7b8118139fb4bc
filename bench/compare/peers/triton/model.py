"""The model as Triton's Python backend sees it: the requests of one batch come together and run as one."""

import json

import numpy as np
import triton_python_backend_utils as triton
from onnx_model import OnnxModel


class TritonPythonModel:
    """Triton finds the class by its name."""

    def initialize(self, args: dict) -> None:
        parameters = json.loads(args["model_config"])["parameters"]
        self._model = OnnxModel(parameters["onnx"]["string_value"])
        # Triton wants an axis beside the batch; a model without one gets its rows flat.
        self._is_flat = len(self._model.inputs[0].shape) == 1

    def execute(self, requests: list) -> list:
        name = self._model.inputs[0].name
        inputs = [triton.get_input_tensor_by_name(request, name).as_numpy() for request in requests]
        x = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
        outputs = self._model.run(x.reshape(-1) if self._is_flat else x)
        parts = self._model.split(outputs, [len(rows) for rows in inputs])
        return [triton.InferenceResponse(self._tensors(part)) for part in parts]

    def _tensors(self, part: list[np.ndarray]) -> list:
        named = zip(self._model.outputs, part, strict=True)
        return [
            triton.Tensor(output.name, values.reshape(-1, 1) if values.ndim == 1 else values)
            for output, values in named
        ]
