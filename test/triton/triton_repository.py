"""Sends the steps of sequences, and loads and unloads models, through NVIDIA's clients.

    triton_repository.py REST_HOST GRPC_TARGET

Prints one line a check, ends with "ok" and status 0, or with the first difference and status 1. The server must serve the
models "sum", a sum of what a sequence sends, and "plus", x + 1, which is not loaded.
"""

from __future__ import annotations

import queue
import sys
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

WAIT_S = 20
VALUES = [5, 7, 11]


def require(what: str, holds: bool, found: Any = "") -> None:
    """Ends the program at the first check that fails."""
    if not holds:
        sys.exit(f"{what}: {found}")
    print(what)


def number(module: Any, value: int) -> Any:
    tensor = module.InferInput("INPUT", [1, 1], "INT32")
    tensor.set_data_from_numpy(np.array([[value]], np.int32))
    return tensor


def flags(i: int) -> dict[str, bool]:
    return {"sequence_start": i == 0, "sequence_end": i == len(VALUES) - 1}


def check_sequence(what: str, module: Any, client: Any, sequence_id: int) -> None:
    answers = [client.infer("sum", [number(module, v)], sequence_id=sequence_id, **flags(i)) for i, v in enumerate(VALUES)]
    sums = [int(answer.as_numpy("OUTPUT")[0, 0]) for answer in answers]
    require(f"sums over {what}", sums == [5, 12, 23], sums)
    ids = {int(answer.as_numpy("WHO")[0, 0]) for answer in answers}
    require(f"the id over {what}", ids == {sequence_id}, ids)
    try:
        found = client.infer("sum", [number(module, 1)]).get_response()
    except InferenceServerException as error:
        found = error.message()
    require(f"no step over {what}", "send sequence_id" in str(found), found)


def check_stream(client: Any) -> None:
    """Steps of two sequences on one stream, as Triton's own example of sequences sends them."""
    done: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: done.put((result, error)))
    for i, value in enumerate(VALUES):
        for sequence_id, sign, mark in ((1001, 1, ""), ("1002", -1, "-")):
            tensors = [number(tritonclient.grpc, sign * value)]
            request_id = f"{mark}{i}"
            client.async_stream_infer("sum", tensors, sequence_id=sequence_id, request_id=request_id, **flags(i))
    sums: dict[str, int] = {}
    for _ in range(2 * len(VALUES)):
        result, error = done.get(timeout=WAIT_S)
        if error is not None:
            sys.exit(f"stream: {error}")
        sums[result.get_response().id] = int(result.as_numpy("OUTPUT")[0, 0])
    client.stop_stream()
    require("sums over a stream", sums == {"0": 5, "1": 12, "2": 23, "-0": -5, "-1": -12, "-2": -23}, sums)


def check_loads(what: str, module: Any, client: Any) -> None:
    client.load_model("plus")
    tensor = module.InferInput("x", [1, 2], "FP32")
    tensor.set_data_from_numpy(np.zeros((1, 2), np.float32))
    answers = [client.infer("plus", [tensor]).as_numpy("y").tolist() for _ in range(2)]
    require(f"loaded over {what}", answers == [[[1, 1]], [[1, 1]]], answers)
    client.unload_model("plus")
    require(f"unloaded over {what}", not client.is_model_ready("plus"))


def main() -> None:
    rest = tritonclient.http.InferenceServerClient(sys.argv[1])
    grpc = tritonclient.grpc.InferenceServerClient(sys.argv[2])
    names = [tensor["name"] for tensor in rest.get_model_metadata("sum")["inputs"]]
    require("clients see the inputs that they send", names == ["INPUT"], names)
    config = grpc.get_model_config("sum", as_json=True)["config"]
    require("the configuration", len(config["sequence_batching"]["control_input"]) == 4, config)
    check_sequence("REST", tritonclient.http, rest, 42)
    check_sequence("gRPC", tritonclient.grpc, grpc, 2**63 - 1)
    check_stream(grpc)
    check_loads("REST", tritonclient.http, rest)
    check_loads("gRPC", tritonclient.grpc, grpc)
    rest.close()
    grpc.close()
    print("ok")


main()
