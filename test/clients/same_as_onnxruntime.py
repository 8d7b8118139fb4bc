"""Asks a running sidecar for the digits example over gRPC and REST, and onnxruntime itself for the same; compares bits.

    same_as_onnxruntime.py GRPC_TARGET REST_URL

Prints one line a check, ends with "ok" and status 0, or with the first difference and status 1.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

import grpc
import numpy as np

# Before the import: its telemetry is off unless whoever runs this asks for it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort  # noqa: E402

from tensorflow_serving import Client, to_numpy

DIGITS = Path(__file__).parent.parent.parent / "examples" / "digits"


def own_answers(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What onnxruntime answers, one row at a time: batching must not change a bit."""
    session = ort.InferenceSession(str(DIGITS / "models/digits/1/model.onnx"), providers=["CPUExecutionProvider"])
    rows = [session.run(["probabilities", "digit"], {"pixels": row[None]}) for row in pixels]
    return {"probabilities": np.concatenate([r[0] for r in rows]), "digit": np.concatenate([r[1] for r in rows])}


def require_same(what: str, got: np.ndarray, want: np.ndarray) -> None:
    """Same dtype, shape and bits."""
    if got.dtype != want.dtype or got.shape != want.shape or got.tobytes() != want.tobytes():
        sys.exit(f"{what}: got {got.dtype}{got.shape} {got.ravel()[:10]}, want {want.dtype}{want.shape} {want.ravel()[:10]}")
    print(f"same bits: {what}")


def check_grpc(client: Client, pixels: np.ndarray, want: dict[str, np.ndarray]) -> None:
    """Predict, both ways of sending floats, one row and all; the version that answered is named."""
    for as_content in (False, True):
        reply = client.predict("digits", {"pixels": pixels}, as_content)
        for name, array in want.items():
            require_same(f"gRPC {name}, {'tensor_content' if as_content else 'float_val'}", to_numpy(reply.outputs[name]), array)
        spec = reply.model_spec
        if (spec.name, spec.version.value, spec.signature_name) != ("digits", 1, "serving_default"):
            sys.exit(f"model_spec of the reply: {spec}")
    calls = [client.predict("digits", {"pixels": row[None]}, True) for row in pixels]
    require_same("gRPC one by one", np.concatenate([to_numpy(c.outputs["probabilities"]) for c in calls]), want["probabilities"])


def check_rest(url: str, pixels: np.ndarray, want: dict[str, np.ndarray]) -> None:
    """Printed float32 must read back to the same bits."""
    body = json.dumps({"inputs": pixels.tolist()}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/models/digits:predict", body)) as reply:
        outputs = json.load(reply)["outputs"]
    require_same("REST probabilities", np.array(outputs["probabilities"], np.float32), want["probabilities"])
    require_same("REST digit", np.array(outputs["digit"], np.int64), want["digit"])


def check_model_service(client: Client) -> None:
    """GetModelStatus, GetModelMetadata, and the code of an unknown model."""
    request = client.messages["tensorflow.serving.GetModelStatusRequest"]()
    request.model_spec.name = "digits"
    status = client.call("ModelService", "GetModelStatus", request, "GetModelStatusResponse").model_version_status
    if [(s.version, s.state) for s in status] != [(1, 30)]:
        sys.exit(f"GetModelStatus: {status}")
    request = client.messages["tensorflow.serving.GetModelMetadataRequest"]()
    request.model_spec.name = "digits"
    request.metadata_field.append("signature_def")
    packed = client.call("PredictionService", "GetModelMetadata", request, "GetModelMetadataResponse").metadata["signature_def"]
    signatures = client.messages["tensorflow.serving.SignatureDefMap"]()
    if not packed.Unpack(signatures):
        sys.exit(f"GetModelMetadata holds {packed.type_url}")
    names = sorted(signatures.signature_def["serving_default"].outputs)
    if names != ["digit", "probabilities"]:
        sys.exit(f"outputs of serving_default: {names}")
    try:
        client.predict("nonesuch", {"pixels": np.zeros((1, 64), np.float32)}, True)
        sys.exit("an unknown model was answered")
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            sys.exit(f"unknown model: {error}")
    print("as expected: GetModelStatus, GetModelMetadata, NOT_FOUND")


def main() -> None:
    """See the module's docstring."""
    target, url = sys.argv[1:]
    scans = json.loads((DIGITS / "scans.json").read_text())
    pixels = np.array([scan["pixels"] for scan in scans], np.float32)
    want = own_answers(pixels)
    client = Client(target)
    check_grpc(client, pixels, want)
    check_rest(url, pixels, want)
    check_model_service(client)
    print("ok")


if __name__ == "__main__":
    main()
