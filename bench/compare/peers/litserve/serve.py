"""LitServe: FastAPI in one process, the model in one worker process.

batch_timeout is 1 ms: with 0 its worker spins on an empty queue and takes a whole core from whatever is measured.
"""

import litserve
import numpy as np
from onnx_model import HTTP_PORT, MAX_BATCH, MODEL_NAME, OnnxModel


class Predict(litserve.LitAPI):
    """Answers {"instances": rows} with {"predictions": rows}."""

    def setup(self, device: str) -> None:
        self._model = OnnxModel()

    def decode_request(self, request: dict) -> np.ndarray:
        return np.asarray(request["instances"], np.float32)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        self._rows = [len(rows) for rows in inputs]
        return np.concatenate(inputs)

    def predict(self, x: np.ndarray) -> list[np.ndarray]:
        return self._model.run(x)

    def unbatch(self, output: list[np.ndarray]) -> list[list[np.ndarray]]:
        return self._model.split(output, self._rows)

    def encode_response(self, output: list[np.ndarray]) -> dict:
        return {"predictions": self._model.predictions(output)}


if __name__ == "__main__":
    api = Predict(max_batch_size=MAX_BATCH, batch_timeout=0.001, api_path=f"/v1/models/{MODEL_NAME}:predict")
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=30).run(
        host="127.0.0.1",
        port=HTTP_PORT,
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
