"""Triton, the C++ server that comes in the package nvidia-pytriton, with its Python backend and dynamic batching.

No queue delay is set: a batch is whatever waits when an instance of the model is free. Beside what onnx_model.py reads:

    MODELS            instead of MODEL_NAME and MODEL_PATH: {"NAME": "FILE.onnx", ...}
    INSTANCES         of each model, a process each; 1
    MAX_QUEUE_SIZE    most requests that wait for a model; more are refused
    QUEUE_TIMEOUT_US  most that a request waits, unless it says less itself; then it is refused
"""

import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from onnx_model import GRPC_PORT, HTTP_PORT, MAX_BATCH, MODEL_NAME, MODEL_PATH, WORK, OnnxModel

HERE = Path(__file__).resolve().parent
PACKAGES = Path(sysconfig.get_path("purelib"))
TRITON = PACKAGES / "pytriton" / "tritonserver"
MODELS = json.loads(os.environ.get("MODELS", "null")) or {MODEL_NAME: MODEL_PATH}
INSTANCES = int(os.environ.get("INSTANCES", "1"))
MAX_QUEUE_SIZE = int(os.environ.get("MAX_QUEUE_SIZE", "0"))
QUEUE_TIMEOUT_US = int(os.environ.get("QUEUE_TIMEOUT_US", "0"))
DATA_TYPES = {"tensor(float)": "TYPE_FP32", "tensor(int64)": "TYPE_INT64"}


def tensor(value) -> str:
    """One entry of input or output in the model's configuration; the batch axis is left out."""
    dims = ", ".join(map(str, value.shape[1:] or [1]))
    return f'{{ name: "{value.name}" data_type: {DATA_TYPES[value.type]} dims: [ {dims} ] }}'


def batching() -> str:
    """How requests wait: without limits as Triton does by itself."""
    policy = []
    if QUEUE_TIMEOUT_US > 0:
        policy += ["timeout_action: REJECT", f"default_timeout_microseconds: {QUEUE_TIMEOUT_US}", "allow_timeout_override: true"]
    if MAX_QUEUE_SIZE > 0:
        policy.append(f"max_queue_size: {MAX_QUEUE_SIZE}")
    return f"default_queue_policy {{ {' '.join(policy)} }}" if policy else ""


def write_model(repository: Path, name: str, path: str) -> None:
    """Writes one model into the model repository."""
    model = OnnxModel(path)
    version = repository / name / "1"
    version.mkdir(parents=True)
    for file in (HERE / "model.py", HERE.parent / "onnx_model.py"):
        shutil.copy(file, version)
    config = f"""name: "{name}"
backend: "python"
max_batch_size: {MAX_BATCH}
input [ {", ".join(map(tensor, model.inputs))} ]
output [ {", ".join(map(tensor, model.outputs))} ]
instance_group [ {{ count: {INSTANCES} kind: KIND_CPU }} ]
dynamic_batching {{ {batching()} }}
parameters [ {{ key: "onnx" value: {{ string_value: "{path}" }} }} ]
"""
    (version.parent / "config.pbtxt").write_text(config)


def place_stub() -> None:
    """The backend looks for its Python process beside itself; the package keeps one for each Python."""
    target = TRITON / "backends" / "python" / "triton_python_backend_stub"
    if not target.exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        shutil.copy2(TRITON / "python_backend_stubs" / version / target.name, target)


repository = Path(WORK) / "models"
for each_name, each_path in MODELS.items():
    write_model(repository, each_name, each_path)
place_stub()
libraries = [sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH", "")]
os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, libraries))
os.environ["PYTHONPATH"] = str(PACKAGES)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
server = str(TRITON / "bin" / "tritonserver")
os.execv(
    server,
    [
        server,
        f"--model-repository={repository}",
        f"--backend-directory={TRITON / 'backends'}",
        "--http-address=127.0.0.1",
        f"--http-port={HTTP_PORT}",
        "--http-thread-count=2",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={GRPC_PORT}",
        "--allow-metrics=false",
        "--log-info=false",
    ],
)
