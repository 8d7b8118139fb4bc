"""MLServer: REST and gRPC of the Open Inference Protocol, adaptive batching, the model in the server's own process.

max_batch_time is the shortest that leaves batching on: what waits is taken together, nothing is held back.
"""

import json
import os
import sys
from pathlib import Path

from onnx_model import GRPC_PORT, HTTP_PORT, MAX_BATCH, MODEL_NAME, WORK

HERE = Path(__file__).resolve().parent
SERVER = {
    "host": "127.0.0.1",
    "http_port": HTTP_PORT,
    "grpc_port": GRPC_PORT,
    "metrics_endpoint": None,
    "parallel_workers": 0,
    "debug": False,
    "grpc_max_message_length": 64 * 2**20,
}
MODEL = {
    "name": MODEL_NAME,
    "implementation": "runtime.OnnxRuntime",
    "max_batch_size": MAX_BATCH,
    "max_batch_time": 0.000_001,
    "parameters": {"version": "1"},
}

work = Path(WORK)
(work / "settings.json").write_text(json.dumps(SERVER))
(work / "model-settings.json").write_text(json.dumps(MODEL))
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ["PYTHONPATH"]])
os.execv(sys.executable, [sys.executable, "-m", "mlserver.cli.main", "start", WORK])
