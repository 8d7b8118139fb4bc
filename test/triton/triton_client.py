"""Asks a running sidecar through NVIDIA's client for the digits example and a model of strings, by every method.

    triton_client.py GRPC_TARGET

Prints one line a check, ends with "ok" and status 0, or with the first difference and status 1. The server must serve
examples/digits as "digits" and a model "echo" of strings, and run with --model_control_mode=explicit.
"""

from __future__ import annotations

import queue
import sys
from typing import Any, Callable

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

WAIT_S = 20
MANY = 64
LONG = 5000


def require(what: str, holds: bool, found: Any = "") -> None:
    """Ends the program at the first check that fails."""
    if not holds:
        sys.exit(f"{what}: {found}")
    print(what)


def refused(what: str, call: Callable[[], Any], status: str, words: str) -> None:
    """The call must fail with this status and say these words."""
    try:
        found = call()
    except InferenceServerException as error:
        found = f"{error.status()} {error.message()}"
        require(what, error.status() == f"StatusCode.{status}" and words in error.message(), found)
        return
    sys.exit(f"{what}: it was answered with {found}")


def pixels(rows: int) -> np.ndarray:
    """Rows that differ, the same each time."""
    return np.random.RandomState(rows).randint(0, 17, (rows, 64)).astype(np.float32)


def raw(name: str, array: np.ndarray, datatype: str) -> triton.InferInput:
    """An input in raw_input_contents, which this client always sends."""
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return tensor


def digits(rows: int) -> list[triton.InferInput]:
    return [raw("pixels", pixels(rows), "FP32")]


def check_lookups(client: triton.InferenceServerClient) -> None:
    require("live", client.is_server_live())
    require("ready", client.is_server_ready() and client.is_model_ready("digits") and client.is_model_ready("digits", "1"))
    require("no such model is not ready", not client.is_model_ready("none"))
    server = client.get_server_metadata(as_json=True)
    require("server metadata", server["name"] == "pillion" and "statistics" in server["extensions"], server)
    model = client.get_model_metadata("digits", as_json=True)
    require("model metadata", model["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": ["-1", "64"]}], model)
    config = client.get_model_config("digits", as_json=True)["config"]
    require("model config", config["input"][0]["dims"] == ["64"] and config["max_batch_size"] > 1, config)
    require("log settings", "log_info" in client.get_log_settings(as_json=True)["settings"])
    require("trace settings", "trace_level" in client.get_trace_settings(as_json=True)["settings"])


def check_infer(client: triton.InferenceServerClient) -> dict[int, np.ndarray]:
    """The probabilities for each number of rows, for later comparison."""
    answer = client.infer("digits", digits(3), request_id="a-1", timeout=10_000_000, priority=1)
    head = answer.get_response()
    require("infer", (head.id, head.model_name, head.model_version) == ("a-1", "digits", "1"), head)
    require("shapes", answer.as_numpy("probabilities").shape == (3, 10) and answer.as_numpy("digit").dtype == np.int64)
    one = client.infer("digits", digits(3), outputs=[triton.InferRequestedOutput("digit")])
    require("one output", [o.name for o in one.get_response().outputs] == ["digit"])
    require("the same digits", (one.as_numpy("digit") == answer.as_numpy("digit")).all())
    return {n: client.infer("digits", digits(n)).as_numpy("probabilities") for n in range(1, 9)}


def check_bytes(client: triton.InferenceServerClient) -> None:
    for values in (["a", "ü", ""], ["x" * 70_000], ["y"] * 5000):
        array = np.array([value.encode() for value in values], dtype=np.object_)
        found = client.infer("echo", [raw("x", array, "BYTES")]).as_numpy("y")
        require(f"BYTES, {len(values)} of them", list(found) == list(array), found[:3])


def check_async(client: triton.InferenceServerClient, wanted: dict[int, np.ndarray]) -> None:
    done: queue.Queue[Any] = queue.Queue()
    for i in range(MANY):
        client.async_infer("digits", digits(i % 8 + 1), lambda result, error: done.put((result, error)), request_id=str(i))
    for _ in range(MANY):
        result, error = done.get(timeout=WAIT_S)
        require_answer("async", result, error, wanted)
    print(f"{MANY} async requests")


def require_answer(what: str, result: Any, error: Any, wanted: dict[int, np.ndarray]) -> None:
    if error is not None:
        sys.exit(f"{what}: {error}")
    want = wanted[int(result.get_response().id) % 8 + 1]
    # Rows in company may differ in the last bits, as the runtime's own batch arithmetic does.
    if not np.allclose(result.as_numpy("probabilities"), want, rtol=1e-5, atol=1e-7):
        sys.exit(f"{what}: another answer for request {result.get_response().id}")


def check_stream(client: triton.InferenceServerClient, wanted: dict[int, np.ndarray]) -> None:
    done: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: done.put((result, error)))
    for i in range(MANY):
        client.async_stream_infer("digits", digits(i % 8 + 1), request_id=str(i))
    client.async_stream_infer("none", digits(1), request_id="bad")
    client.async_stream_infer("digits", digits(1), request_id="0", enable_empty_final_response=True)
    errors = []
    finals = 0
    for _ in range(MANY + 2):
        result, error = done.get(timeout=WAIT_S)
        if error is not None:
            errors.append(str(error))
            continue
        require_answer("stream", result, None, wanted)
        finals += "triton_final_response" in result.get_response().parameters
    client.stop_stream()
    require(f"{MANY} streamed requests", len(errors) == 1 and "Request for unknown model: 'none' is not found" in errors[0], errors)
    require("each marked as the last", finals == MANY + 1, finals)


def check_long_stream(client: triton.InferenceServerClient) -> None:
    """One after the other, as a chat has them: this client then sends flow control for each answer."""
    done: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: done.put((result, error)))
    for i in range(LONG):
        client.async_stream_infer("digits", digits(1), request_id=str(i))
        result, error = done.get(timeout=WAIT_S)
        if error is not None or result.get_response().id != str(i):
            sys.exit(f"request {i} of a long stream: {error or result.get_response().id}")
    client.stop_stream()
    print(f"{LONG} requests in turn on one stream")


def check_statistics(client: triton.InferenceServerClient) -> None:
    (stats,) = client.get_inference_statistics("digits").model_stats
    inference = stats.inference_stats
    require("statistics", inference.success.count >= 2 * MANY and stats.inference_count > stats.execution_count, stats)
    parts = inference.queue.ns + inference.compute_input.ns + inference.compute_infer.ns + inference.compute_output.ns
    require("their parts are in the whole", 0 < parts <= inference.success.ns, stats)
    require("runs by their size", sum(each.compute_infer.count for each in stats.batch_stats) == stats.execution_count)


def check_repository(client: triton.InferenceServerClient) -> None:
    def states() -> dict[str, str]:
        return {model.name: model.state for model in client.get_model_repository_index().models}

    require("index", states() == {"digits": "READY", "echo": "READY"}, states())
    client.unload_model("echo")
    require("unloaded", states()["echo"] != "READY" and not client.is_model_ready("echo"))
    client.load_model("echo")
    require("loaded again", states()["echo"] == "READY" and client.is_model_ready("echo"))
    refused("a config of the caller's", lambda: client.load_model("echo", config="{}"), "UNIMPLEMENTED", '"config"')
    files = {"file:1/model.onnx": b"x"}
    refused("files of the caller's", lambda: client.load_model("echo", config="{}", files=files), "UNIMPLEMENTED", "own")


def check_refusals(client: triton.InferenceServerClient) -> None:
    refused("no such model", lambda: client.infer("none", digits(1)), "NOT_FOUND", "Request for unknown model: 'none' is not found")
    refused("no such version", lambda: client.infer("digits", digits(1), "9"), "NOT_FOUND", "available: 1")
    wrong = [raw("pixels", pixels(1).astype(np.float64), "FP64")]
    refused("another datatype", lambda: client.infer("digits", wrong), "INVALID_ARGUMENT", "wants FP32; send it as FP32")
    sequence = lambda: client.infer("digits", digits(1), sequence_id=5, sequence_start=True)  # noqa: E731
    refused("a sequence", sequence, "INVALID_ARGUMENT", "keeps no state")
    refused("a timeout of 1 µs", lambda: client.infer("digits", digits(1), timeout=1), "DEADLINE_EXCEEDED", "deadline of")
    settings = {"log_file": "/tmp/x"}
    refused("a log file", lambda: client.update_log_settings(settings), "UNIMPLEMENTED", "cannot be changed by request")
    refused("shared memory", client.get_system_shared_memory_status, "UNIMPLEMENTED", "send and receive tensors")


def main() -> None:
    client = triton.InferenceServerClient(sys.argv[1])
    check_lookups(client)
    wanted = check_infer(client)
    check_bytes(client)
    check_async(client, wanted)
    check_stream(client, wanted)
    check_long_stream(client)
    check_statistics(client)
    check_refusals(client)
    check_repository(client)
    client.close()
    print("ok")


main()
