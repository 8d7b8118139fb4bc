"""Asks a running sidecar in the Open Inference Protocol over REST, with Triton's own client; compares what comes back.

    triton_http.py HOST:PORT

The sidecar serves `echo_float32` (float32, [rows, 4]: y = x) and `echo_text` (string, [rows, any]: y = x), and compresses
answers from one byte. Prints one line a check, ends with "ok" and status 0, or with the first difference and status 1.
"""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException

FLOATS = np.array([[0.1, -0.0, np.inf, 1e-42], [3.4e38, 1.5, np.nan, 7.0]], np.float32)
TEXTS = np.array([["é".encode(), b""], [b"b c", b"\n"]], np.object_)
NO_TEXT = np.array([[b"\xff\xfe"]], np.object_)


def require(what: str, got: object, want: object) -> None:
    if got != want:
        sys.exit(f"{what}: got {got!r}, want {want!r}")
    print(f"as wanted: {what}")


def require_same(what: str, got: np.ndarray, want: np.ndarray) -> None:
    """Same shape and bits."""
    is_same = got.shape == want.shape and (
        got.ravel().tolist() == want.ravel().tolist() if want.dtype == np.object_ else got.tobytes() == want.tobytes()
    )
    if not is_same:
        sys.exit(f"{what}: got {got!r}, want {want!r}")
    print(f"same bits: {what}")


def refusal(what: str, ask, status: str, text: str) -> None:
    try:
        ask()
    except InferenceServerException as error:
        if error.status() != status or text not in error.message():
            sys.exit(f"{what}: {error.status()} {error.message()}")
        print(f"refused: {what}")
        return
    sys.exit(f"{what}: not refused")


def input_of(name: str, array: np.ndarray, binary: bool, datatype: str) -> http.InferInput:
    sent = http.InferInput(name, list(array.shape), datatype)
    sent.set_data_from_numpy(array, binary_data=binary)
    return sent


def check_lookups(client: http.InferenceServerClient) -> None:
    require("live", client.is_server_live(), True)
    require("ready", client.is_server_ready(), True)
    require("model ready", client.is_model_ready("echo_float32"), True)
    require("version ready", client.is_model_ready("echo_float32", "1"), True)
    require("nobody ready", client.is_model_ready("nobody"), False)
    server = client.get_server_metadata()
    require("binary tensors are an extension", "binary_tensor_data" in server["extensions"], True)
    metadata = client.get_model_metadata("echo_float32")
    require("inputs", metadata["inputs"], [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}])
    require("versions", metadata["versions"], ["1"])
    require("configuration", client.get_model_config("echo_float32")["input"][0]["data_type"], "TYPE_FP32")
    index = client.get_model_repository_index()
    require("index", sorted((each["name"], each["state"]) for each in index), [("echo_float32", "READY"), ("echo_text", "READY")])
    require("log settings", client.get_log_settings()["log_error"], True)
    require("trace settings", client.get_trace_settings()["trace_level"], ["OFF"])
    refusal("metadata of nobody", lambda: client.get_model_metadata("nobody"), "404", "nobody")
    refusal("shared memory", client.get_system_shared_memory_status, "501", "shared memory")
    refusal("a load", lambda: client.load_model("echo_float32"), "501", "model_control_mode")
    refusal("a setting", lambda: client.update_log_settings({"log_info": False}), "501", "cannot be changed")


def check_infer(client: http.InferenceServerClient) -> None:
    for model, array, datatype in [("echo_float32", FLOATS, "FP32"), ("echo_text", TEXTS, "BYTES")]:
        for binary_in in (True, False):
            for binary_out in (True, False):
                outputs = [http.InferRequestedOutput("y", binary_data=binary_out)]
                # rapidjson, the client's own, writes and reads NaN and infinities.
                sent = [input_of("x", array, binary_in, datatype)]
                result = client.infer(model, sent, outputs=outputs, request_id="r 1")
                got = result.as_numpy("y")
                if datatype == "BYTES" and not binary_out:
                    got = np.array([text.encode() if isinstance(text, str) else text for text in got.ravel()], np.object_)
                    got = got.reshape(array.shape)
                require_same(f"{model}, binary in {binary_in}, binary out {binary_out}", got, array)
                require("its id", result.get_response()["id"], "r 1")
    result = client.infer("echo_text", [input_of("x", TEXTS, True, "BYTES")])
    require_same("all outputs", result.as_numpy("y"), TEXTS)
    no_text = [input_of("x", NO_TEXT, True, "BYTES")]
    refusal("what is no text, of this runtime", lambda: client.infer("echo_text", no_text), "400", "UTF-8")
    result = client.infer("echo_float32", [input_of("x", FLOATS, True, "FP32")], model_version="1")
    require("its version", result.get_response()["model_version"], "1")
    integers = [input_of("x", np.ones((1, 4), np.int32), True, "INT32")]
    refusal("a wrong datatype", lambda: client.infer("echo_float32", integers), "400", "FP32")


def check_parameters(client: http.InferenceServerClient) -> None:
    x = [input_of("x", FLOATS[:1], True, "FP32")]
    client.infer("echo_float32", x, priority=1, timeout=5_000_000, parameters={"mine": 3})
    print("as wanted: priority, timeout and a parameter of mine")
    refusal("a sequence", lambda: client.infer("echo_float32", x, sequence_id=7, sequence_start=True), "400", "keeps no state")
    classes = http.InferRequestedOutput("y", binary_data=True, class_count=2)
    row = np.array([[0.25, 4.0, -1.0, 4.0]], np.float32)
    result = client.infer("echo_float32", [input_of("x", row, True, "FP32")], outputs=[classes])
    require("classes", result.as_numpy("y").tolist(), [[b"4.000000:1", b"4.000000:3"]])


def check_compression(client: http.InferenceServerClient) -> None:
    rows = np.tile(FLOATS[1:, :2], (64, 2)).astype(np.float32)
    for algorithm in ("gzip", "deflate"):
        result = client.infer(
            "echo_float32",
            [input_of("x", rows, True, "FP32")],
            request_compression_algorithm=algorithm,
            response_compression_algorithm=algorithm,
        )
        require_same(f"compressed by {algorithm}", result.as_numpy("y"), rows)


def check_large(client: http.InferenceServerClient) -> None:
    rows = np.random.default_rng(1).standard_normal((50_000, 4), np.float32)
    for binary in (True, False):
        outputs = [http.InferRequestedOutput("y", binary_data=binary)]
        result = client.infer("echo_float32", [input_of("x", rows, binary, "FP32")], outputs=outputs)
        require_same(f"50,000 rows, binary {binary}", result.as_numpy("y"), rows)
    texts = np.array([[f"row {i}".encode() * 3] for i in range(20_000)], np.object_)
    result = client.infer("echo_text", [input_of("x", texts, True, "BYTES")])
    require_same("20,000 strings", result.as_numpy("y"), texts)


def check_async(address: str) -> None:
    client = http.InferenceServerClient(address, concurrency=8)
    calls = [client.async_infer("echo_float32", [input_of("x", FLOATS + i, True, "FP32")]) for i in range(32)]
    for i, call in enumerate(calls):
        got = call.get_result().as_numpy("y")
        if not np.array_equal(got, FLOATS + i, equal_nan=True):
            sys.exit(f"async_infer {i}: {got}")
    print("same values: 32 calls of async_infer")
    client.close()

    async def together() -> None:
        async with aio.InferenceServerClient(address) as eager:
            require("live, asyncio", await eager.is_server_live(), True)
            asked = [eager.infer("echo_float32", [input_of("x", FLOATS + i, True, "FP32")]) for i in range(32)]
            for i, result in enumerate(await asyncio.gather(*asked)):
                if not np.array_equal(result.as_numpy("y"), FLOATS + i, equal_nan=True):
                    sys.exit(f"asyncio {i}: {result.as_numpy('y')}")
        print("same values: 32 calls of asyncio")

    asyncio.run(together())


def check_statistics(client: http.InferenceServerClient) -> None:
    stats = client.get_inference_statistics("echo_float32")["model_stats"]
    require("statistics of one version", [(each["name"], each["version"]) for each in stats], [("echo_float32", "1")])
    require("rows are counted", stats[0]["inference_count"] > 100_000, True)
    require("failures, too", stats[0]["inference_stats"]["fail"]["count"] > 0, True)
    require("of all models", len(client.get_inference_statistics()["model_stats"]), 2)


def main() -> None:
    [address] = sys.argv[1:]
    client = http.InferenceServerClient(address)
    check_lookups(client)
    check_infer(client)
    check_parameters(client)
    check_compression(client)
    check_large(client)
    check_async(address)
    check_statistics(client)
    client.close()
    print("ok")


if __name__ == "__main__":
    main()
