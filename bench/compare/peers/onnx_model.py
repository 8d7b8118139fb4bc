"""The model that every Python server here runs: an ONNX file on ONNX Runtime, one thread a run, the same options for all.

Where the model is and where to listen comes from the environment, which bench/compare sets:

    MODEL_NAME, MODEL_PATH   the name that requests use, and the .onnx file
    HTTP_PORT, GRPC_PORT     free ports of 127.0.0.1
    WORK                     an empty folder for configuration that has to be written
    MAX_BATCH                most rows in one run
    THREADS                  of one run; 1
"""

import os
from collections.abc import Sequence

import numpy as np

# Before the import: its telemetry is off unless whoever runs this asks for it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime  # noqa: E402

MODEL_NAME = os.environ.get("MODEL_NAME", "")
MODEL_PATH = os.environ.get("MODEL_PATH", "")
HTTP_PORT = int(os.environ.get("HTTP_PORT", "0"))
GRPC_PORT = int(os.environ.get("GRPC_PORT", "0"))
WORK = os.environ.get("WORK", "")
MAX_BATCH = int(os.environ.get("MAX_BATCH", "64"))
THREADS = int(os.environ.get("THREADS", "1"))


class OnnxModel:
    """One session. Models here have one float32 input and any number of outputs, all with a free first axis."""

    def __init__(self, path: str = MODEL_PATH) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = self._session.get_inputs()
        self.outputs = self._session.get_outputs()
        self._input_name = self.inputs[0].name
        self._output_names = [output.name for output in self.outputs]

    def run(self, x: np.ndarray) -> list[np.ndarray]:
        """Runs one batch; the outputs come in the order of `outputs`."""
        return self._session.run(self._output_names, {self._input_name: x})

    def predictions(self, outputs: Sequence[np.ndarray]) -> list:
        """TensorFlow Serving's row form: a bare value for one output, else an object a row."""
        if len(outputs) == 1:
            return outputs[0].tolist()
        columns = [output.tolist() for output in outputs]
        return [dict(zip(self._output_names, row, strict=True)) for row in zip(*columns, strict=True)]

    def split(self, outputs: Sequence[np.ndarray], rows: Sequence[int]) -> list[list[np.ndarray]]:
        """Cuts the outputs of one batch into those of its requests, which have `rows` rows each."""
        parts, start = [], 0
        for count in rows:
            parts.append([output[start : start + count] for output in outputs])
            start += count
        return parts
