"""KServe's SDK: TensorFlow Serving's REST, REST and gRPC of the Open Inference Protocol. It has no batching of its own.

In a cluster a second container batches for it, over TensorFlow Serving's REST alone.
"""

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.logging import configure_logging
from onnx_model import GRPC_PORT, HTTP_PORT, MODEL_NAME, OnnxModel

DATATYPES = {"float32": "FP32", "int64": "INT64"}


class Predict(Model):
    """Answers both protocols, one run a request."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._model = OnnxModel()
        self.ready = True

    async def predict(self, payload: dict | InferRequest, headers=None, response_headers=None) -> dict | InferResponse:
        """Runs one request."""
        if isinstance(payload, dict):
            outputs = self._model.run(np.asarray(payload["instances"], np.float32))
            return {"predictions": self._model.predictions(outputs)}
        outputs = self._model.run(payload.inputs[0].as_numpy())
        named = zip(self._model.outputs, outputs, strict=True)
        encoded = [self._encode(output.name, values) for output, values in named]
        return InferResponse(payload.id or "", self.name, encoded)

    def _encode(self, name: str, values: np.ndarray) -> InferOutput:
        encoded = InferOutput(name, list(values.shape), DATATYPES[values.dtype.name])
        encoded.set_data_from_numpy(values, binary_data=True)
        return encoded


# It writes three lines a request otherwise.
QUIET = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"level": "WARNING", "handlers": ["console"]},
}

if __name__ == "__main__":
    configure_logging(QUIET)
    server = ModelServer(
        http_port=HTTP_PORT,
        grpc_port=GRPC_PORT,
        workers=1,
        enable_docs_url=False,
        enable_latency_logging=False,
    )
    server.start([Predict(MODEL_NAME)])
