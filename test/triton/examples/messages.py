"""The calls of the examples that write the protocol's messages themselves."""

from __future__ import annotations

import grpc
import numpy as np
from common import FIRST, ONES, WAIT_S, WIDTH, Hosts, example, require, texts_of
from tritonclient import utils
from tritonclient.grpc import service_pb2, service_pb2_grpc


def stub_of(channel: grpc.Channel) -> service_pb2_grpc.GRPCInferenceServiceStub:
    return service_pb2_grpc.GRPCInferenceServiceStub(channel)


def question(model: str, datatype: str, field: str, first: list, second: list) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name=model, model_version="")
    for name, elements in (("INPUT0", first), ("INPUT1", second)):
        sent = request.inputs.add(name=name, datatype=datatype, shape=[1, WIDTH])
        getattr(sent.contents, field).extend(elements)
    for name in ("OUTPUT0", "OUTPUT1"):
        request.outputs.add(name=name)
    return request


def require_raw_sums(response: service_pb2.ModelInferResponse, read) -> None:
    shapes = [list(output.shape) for output in response.outputs]
    require("two outputs", shapes == [[1, WIDTH], [1, WIDTH]], shapes)
    for raw, wanted in zip(response.raw_output_contents, (FIRST + ONES, FIRST - ONES), strict=True):
        found = [int(number) for number in read(raw)]
        require("the answer", found == wanted.ravel().tolist(), found)


def require_error(what: str, call, code: grpc.StatusCode, words: str) -> None:
    try:
        call()
    except grpc.RpcError as error:
        require(what, error.code() == code and words in error.details(), (error.code(), error.details()))
        return
    raise AssertionError(f"{what} is not refused")


@example
def grpc_explicit_int_content_client(hosts: Hosts) -> None:
    with grpc.insecure_channel(hosts.grpc) as channel:
        stub = stub_of(channel)
        request = question("simple", "INT32", "int_contents", FIRST.ravel().tolist(), ONES.ravel().tolist())
        require_raw_sums(stub.ModelInfer(request), lambda raw: np.frombuffer(raw, np.int32))
        request.raw_input_contents.append(np.arange(8, dtype=np.int64).tobytes())
        words = "contents field must not be specified when using raw_input_contents for 'INPUT0' for model 'simple'"
        both = lambda: stub.ModelInfer(request)  # noqa: E731
        require_error("both forms at once", both, grpc.StatusCode.INVALID_ARGUMENT, words)


@example
def grpc_explicit_int8_content_client(hosts: Hosts) -> None:
    with grpc.insecure_channel(hosts.grpc) as channel:
        stub = stub_of(channel)
        request = question("simple_int8", "INT8", "int_contents", FIRST.ravel().tolist(), ONES.ravel().tolist())
        require_raw_sums(stub.ModelInfer(request), lambda raw: np.frombuffer(raw, np.int8))
        request.model_version = "wrong_specification"
        words = "failed to get model version from specified version string 'wrong_specification'"
        wrong = lambda: stub.ModelInfer(request)  # noqa: E731
        require_error("a version that is no number", wrong, grpc.StatusCode.INVALID_ARGUMENT, words)


@example
def grpc_explicit_byte_content_client(hosts: Hosts) -> None:
    with grpc.insecure_channel(hosts.grpc) as channel:
        texts = [texts_of(numbers).ravel().tolist() for numbers in (FIRST, ONES)]
        response = stub_of(channel).ModelInfer(question("simple_string", "BYTES", "bytes_contents", *texts))
        require_raw_sums(response, utils.deserialize_bytes_tensor)


@example
def grpc_client(hosts: Hosts) -> None:
    """Each look-up, and one image of letters."""
    model = "densenet_onnx"
    with grpc.insecure_channel(hosts.grpc) as channel:
        stub = stub_of(channel)
        require("live", stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=WAIT_S).live)
        require("ready", stub.ServerReady(service_pb2.ServerReadyRequest()).ready)
        require("model ready", stub.ModelReady(service_pb2.ModelReadyRequest(name=model, version="")).ready)
        server = stub.ServerMetadata(service_pb2.ServerMetadataRequest())
        require("the server's name", server.name == "triton", server)
        metadata = stub.ModelMetadata(service_pb2.ModelMetadataRequest(name=model, version=""))
        require("metadata", list(metadata.inputs[0].shape) == [3, 224, 224], metadata)
        config = stub.ModelConfig(service_pb2.ModelConfigRequest(name=model, version="")).config
        require("config", (config.name, config.max_batch_size) == (model, 0), config)
        request = service_pb2.ModelInferRequest(model_name=model, model_version="", id="my request id")
        request.inputs.add(name="data_0", datatype="FP32", shape=[3, 224, 224])
        request.outputs.add(name="fc6_1")
        request.raw_input_contents.append(b"a" * 602_112)
        response = stub.ModelInfer(request)
        head = (response.id, response.outputs[0].name, list(response.outputs[0].shape))
        require("the answer", head == ("my request id", "fc6_1", [3]), head)
