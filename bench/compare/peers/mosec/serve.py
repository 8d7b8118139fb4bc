"""mosec: HTTP in Rust, the model in one Python worker.

max_wait_time is the shortest that it knows, 1 ms: with 0 it takes its own default of 10 ms.
"""

import json
import sys

import numpy as np
from mosec import Server, Worker
from onnx_model import HTTP_PORT, MAX_BATCH, OnnxModel


class Predict(Worker):
    """Answers {"instances": rows} with {"predictions": rows}, a whole batch of requests in one run."""

    def __init__(self) -> None:
        self._model = OnnxModel()

    def forward(self, data: list[dict]) -> list[dict]:
        inputs = [np.asarray(body["instances"], np.float32) for body in data]
        outputs = self._model.run(np.concatenate(inputs))
        parts = self._model.split(outputs, [len(rows) for rows in inputs])
        return [{"predictions": self._model.predictions(part)} for part in parts]

    def serialize(self, data: dict) -> bytes:
        """Compact, where its own would indent."""
        return json.dumps(data, separators=(",", ":")).encode()


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(HTTP_PORT), "--timeout", "30000", "--log-level", "warning"]
    server = Server()
    server.append_worker(Predict, num=1, max_batch_size=MAX_BATCH, max_wait_time=1)
    server.run()
