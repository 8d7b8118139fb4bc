"""The service that serve.py hands to BentoML: one worker, a batchable API."""

import bentoml
import numpy as np
from onnx_model import MAX_BATCH, OnnxModel


@bentoml.service(
    workers=1,
    traffic={"timeout": 30, "max_concurrency": 1024},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"sample_rate": 0.0},
)
class Predict:
    """Takes {"instances": rows}, answers a list of rows."""

    def __init__(self) -> None:
        self._model = OnnxModel()

    # max_latency_ms is when a request is refused, not how long one waits; the wait is learned from the traffic.
    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=MAX_BATCH, max_latency_ms=1000, route="/predict")
    def predict(self, instances: np.ndarray) -> list:
        """Runs one batch."""
        return self._model.predictions(self._model.run(np.asarray(instances, np.float32)))
