"""Asks a running sidecar through KServe's client for the digits of two runtimes, over REST and gRPC.

    kserve_client.py GRPC_ADDRESS REST_URL FILE

FILE holds a JSON list of the rows' pixels. Prints one line a check, and each answer as JSON with its bytes in hex; ends with
"ok" and status 0, or with the first difference and status 1. The server must serve examples/digits as "digits" and
"digits_tfjs", and run with --model_control_mode=explicit.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Awaitable

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, InferResponse, RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

MODELS = ("digits", "digits_tfjs")


def require(what: str, found: Any, wanted: Any) -> None:
    """Ends the program at the first check that fails."""
    if found != wanted:
        sys.exit(f"{what}: {found!r} instead of {wanted!r}")
    print(what)


def question(model: str, rows: np.ndarray, is_binary: bool, **parameters: Any) -> InferRequest:
    pixels = InferInput("pixels", list(rows.shape), "FP32")
    pixels.set_data_from_numpy(rows, binary_data=is_binary)
    return InferRequest(model, [pixels], request_id="k-1", parameters=parameters)


def print_answer(model: str, how: str, answer: InferResponse) -> None:
    """Its values as the client gives them to its user."""
    require(f"id and model, {model}, {how}", (answer.id, answer.model_name), ("k-1", model))
    outputs = []
    for output in answer.outputs:
        values = output.as_numpy()
        outputs.append(
            {"name": output.name, "datatype": output.datatype, "shape": list(values.shape), "hex": values.tobytes().hex()}
        )
    print(json.dumps({"model": model, "how": how, "outputs": outputs}))


async def refused(what: str, call: Awaitable[Any], status: Any, words: str) -> None:
    """The call must fail with this status and say these words."""
    try:
        found: Any = await call
    except httpx.HTTPStatusError as error:
        found = (error.response.status_code, str(error))
    except grpc.RpcError as error:
        found = (error.code(), error.details())
    if not isinstance(found, tuple) or found[0] != status or words not in found[1]:
        sys.exit(f"{what}: {found}")
    print(what)


async def check_rest(url: str, rows: np.ndarray) -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        require("live, REST", await client.is_server_live(url), True)
        require("ready, REST", await client.is_server_ready(url), True)
        require("no such model, REST", await client.is_model_ready(url, "none"), False)
        for model in MODELS:
            require(f"{model} is ready, REST", await client.is_model_ready(url, model), True)
            for how, is_binary in (("JSON", False), ("binary", True)):
                request = question(model, rows, is_binary)
                print_answer(model, f"REST, {how}", await client.infer(url, request, model_name=model))
                both = question(model, rows, is_binary, binary_data_output=True)
                print_answer(model, f"REST, {how}, binary out", await client.infer(url, both, model_name=model))
        unknown = client.infer(url, question("none", rows, False), model_name="none")
        await refused("infer of no such model, REST", unknown, 404, "none")
        short = client.infer(url, question("digits", rows[:, :3], True), model_name="digits")
        await refused("another shape, REST", short, 400, "pixels")


async def check_grpc(address: str, rows: np.ndarray) -> None:
    async with InferenceGRPCClient(address) as client:
        require("live, gRPC", await client.is_server_live(), True)
        require("ready, gRPC", await client.is_server_ready(), True)
        require("no such model, gRPC", await client.is_model_ready("none"), False)
        for model in MODELS:
            require(f"{model} is ready, gRPC", await client.is_model_ready(model), True)
            for how, is_binary in (("typed", False), ("raw", True)):
                print_answer(model, f"gRPC, {how}", await client.infer(question(model, rows, is_binary)))
        unknown = client.infer(question("none", rows, True))
        await refused("infer of no such model, gRPC", unknown, grpc.StatusCode.NOT_FOUND, "none")


async def check_calls(address: str) -> None:
    """What KServe's service has beside what its client wraps: its loads name the model in another field than Triton's."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        server = await stub.ServerMetadata(messages.ServerMetadataRequest())
        require("server metadata", server.name, "pillion")
        model = await stub.ModelMetadata(messages.ModelMetadataRequest(name="digits"))
        require("model metadata", [(i.name, i.datatype, list(i.shape)) for i in model.inputs], [("pixels", "FP32", [-1, 64])])
        for name in MODELS:
            unloaded = await stub.RepositoryModelUnload(messages.RepositoryModelUnloadRequest(model_name=name))
            require(f"unload of {name}", (unloaded.model_name, unloaded.isUnloaded), (name, True))
            ready = await stub.ModelReady(messages.ModelReadyRequest(name=name))
            require(f"{name} is gone", ready.ready, False)
            loaded = await stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name=name))
            require(f"load of {name}", (loaded.model_name, loaded.isLoaded), (name, True))
            ready = await stub.ModelReady(messages.ModelReadyRequest(name=name))
            require(f"{name} is back", ready.ready, True)
        unknown = stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="none"))
        await refused("load of no such model", unknown, grpc.StatusCode.NOT_FOUND, "none")


async def main() -> None:
    address, url, file = sys.argv[1:]
    rows = np.array(json.loads(Path(file).read_text()), np.float32)
    await check_rest(url, rows)
    await check_grpc(address, rows)
    await check_calls(address)
    print("ok")


asyncio.run(main())
