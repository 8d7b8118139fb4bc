"""BentoML with adaptive batching. Its command line starts service.py and a worker of its own."""

import os
import sys
from pathlib import Path

from onnx_model import HTTP_PORT, WORK

HERE = Path(__file__).resolve().parent

os.environ |= {"BENTOML_HOME": WORK, "BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1"}
command = [sys.executable, "-m", "bentoml", "serve", "service:Predict", "--working-dir", str(HERE)]
os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", str(HTTP_PORT)])
