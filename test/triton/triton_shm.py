"""Asks a running sidecar with tensors in system shared memory, with Triton's own client; compares what comes back.

    triton_shm.py GRPC_HOST:PORT REST_HOST:PORT

The sidecar runs on this machine, as this user, with --allow_client_shm, and serves `echo_float32` (float32, [rows, 4]:
y = x) and `echo_text` (string, [rows, any]: y = x). Prints one line a check, ends with "ok" and status 0, or with the
first difference and status 1.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

FLOATS = np.array([[0.1, -0.0, np.inf, 1e-42], [3.4e38, 1.5, np.nan, 7.0]], np.float32)
TEXTS = np.array([["é".encode(), b""], [b"b c", b"\n"]], np.object_)
ROOM = 4096


def require(what: str, got: object, want: object) -> None:
    if got != want:
        sys.exit(f"{what}: got {got!r}, want {want!r}")
    print(f"as wanted: {what}")


def refusal(what: str, ask, text: str) -> None:
    try:
        ask()
    except InferenceServerException as error:
        if text not in error.message():
            sys.exit(f"{what}: {error.status()} {error.message()}")
        print(f"refused: {what}")
        return
    sys.exit(f"{what}: not refused")


def names_of(status: object) -> list[str]:
    """REST's is a list; gRPC's is a map in a message."""
    return sorted(each["name"] for each in status) if isinstance(status, list) else sorted(status.regions)


def check(form: ModuleType, address: str) -> None:
    client = form.InferenceServerClient(address)
    prefix = f"pillion_triton_{os.getpid()}_{form.__name__.rsplit('.', 1)[-1]}"
    what = form.__name__
    sent = shm.create_shared_memory_region("sent", f"/{prefix}_sent", ROOM)
    got = shm.create_shared_memory_region("got", f"/{prefix}_got", ROOM)
    try:
        client.unregister_system_shared_memory()
        client.register_system_shared_memory("sent", f"/{prefix}_sent", ROOM)
        client.register_system_shared_memory("got", f"/{prefix}_got", ROOM)
        require(f"{what}: regions", names_of(client.get_system_shared_memory_status()), ["got", "sent"])
        require(f"{what}: one region", names_of(client.get_system_shared_memory_status("got")), ["got"])
        check_floats(form, client, sent, got)
        check_texts(form, client, sent, got)
        check_errors(form, client, sent, f"/{prefix}_sent")
        client.unregister_system_shared_memory("sent")
        require(f"{what}: the other region", names_of(client.get_system_shared_memory_status()), ["got"])
        client.unregister_system_shared_memory()
        require(f"{what}: no regions", names_of(client.get_system_shared_memory_status()), [])
    finally:
        shm.destroy_shared_memory_region(sent)
        shm.destroy_shared_memory_region(got)
        client.close()


def check_floats(form: ModuleType, client: object, sent: object, got: object) -> None:
    what = form.__name__
    shm.set_shared_memory_region(sent, [FLOATS], offset=64)
    x = form.InferInput("x", list(FLOATS.shape), "FP32")
    x.set_shared_memory("sent", FLOATS.nbytes, offset=64)
    y = form.InferRequestedOutput("y")
    y.set_shared_memory("got", ROOM - 128, offset=128)
    result = client.infer("echo_float32", [x], outputs=[y])
    output = result.get_output("y")
    shape = output["shape"] if isinstance(output, dict) else list(output.shape)
    require(f"{what}: shape", shape, [2, 4])
    floats = shm.get_contents_as_numpy(got, np.float32, shape, offset=128)
    require(f"{what}: bits through shared memory", floats.tobytes(), FLOATS.tobytes())
    binary = {"binary_data": True} if form is http else {}
    result = client.infer("echo_float32", [x], outputs=[form.InferRequestedOutput("y", **binary)])
    require(f"{what}: bits from shared memory", result.as_numpy("y").tobytes(), FLOATS.tobytes())
    plain = form.InferInput("x", list(FLOATS.shape), "FP32")
    plain.set_data_from_numpy(FLOATS + 1)
    client.infer("echo_float32", [plain], outputs=[y])
    floats = shm.get_contents_as_numpy(got, np.float32, [2, 4], offset=128)
    require(f"{what}: bits into shared memory", floats.tobytes(), (FLOATS + 1).tobytes())


def check_texts(form: ModuleType, client: object, sent: object, got: object) -> None:
    serialized = serialize_byte_tensor(TEXTS)
    size = len(serialized.item())
    shm.set_shared_memory_region(sent, [serialized])
    x = form.InferInput("x", list(TEXTS.shape), "BYTES")
    x.set_shared_memory("sent", size)
    y = form.InferRequestedOutput("y")
    y.set_shared_memory("got", ROOM)
    client.infer("echo_text", [x], outputs=[y])
    texts = shm.get_contents_as_numpy(got, np.object_, list(TEXTS.shape))
    require(f"{form.__name__}: strings", texts.ravel().tolist(), TEXTS.ravel().tolist())


def regions_of(status: object) -> object:
    return status if isinstance(status, list) else status.regions


def check_errors(form: ModuleType, client: object, sent: object, key: str) -> None:
    what = form.__name__
    x = form.InferInput("x", list(FLOATS.shape), "FP32")
    x.set_shared_memory("sent", FLOATS.nbytes)
    small = form.InferRequestedOutput("y")
    small.set_shared_memory("got", 8)
    refusal(f"{what}: too little room", lambda: client.infer("echo_float32", [x], outputs=[small]), "at least 32 bytes")
    again = lambda: client.register_system_shared_memory("sent", key, ROOM)
    refusal(f"{what}: a name that is taken", again, "already in manager")
    outside = lambda: client.register_system_shared_memory("more", key, ROOM + 1)
    refusal(f"{what}: more than the file has", outside, "failed to register shared memory region")
    elsewhere = lambda: client.register_system_shared_memory("more", "../etc/passwd", 1)
    refusal(f"{what}: a file elsewhere", elsewhere, "names no shared memory")
    x.set_shared_memory("nobody", FLOATS.nbytes)
    refusal(f"{what}: no such region", lambda: client.infer("echo_float32", [x]), "Unable to find shared memory region")
    # The examples call these before and after their requests, on machines without a GPU, too.
    client.unregister_cuda_shared_memory()
    require(f"{what}: regions of GPUs", len(regions_of(client.get_cuda_shared_memory_status())), 0)
    registered = lambda: client.register_cuda_shared_memory("gpu", b"AAAA", 0, 4)
    refusal(f"{what}: CUDA", registered, "no shared memory of GPUs")


def main() -> None:
    grpc_address, rest_address = sys.argv[1:]
    check(grpc, grpc_address)
    check(http, rest_address)
    extensions = http.InferenceServerClient(rest_address).get_server_metadata()["extensions"]
    require("an extension", "system_shared_memory" in extensions, True)
    print("ok")


if __name__ == "__main__":
    main()
