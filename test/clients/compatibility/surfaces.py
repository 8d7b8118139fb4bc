"""A running sidecar as its clients see it: TensorFlow Serving's own message classes over grpcio, and plain HTTP.

Both surfaces answer with an Answer and raise nothing: what went wrong is what the rows are about.
"""

from __future__ import annotations

import http.client
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import grpc
from tensorflow_serving import load_messages

DT_FLOAT, DT_INT32, DT_STRING, DT_INT64 = 1, 3, 7, 9
TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """`status` is a gRPC status by name ("OK", "NOT_FOUND") or an HTTP status ("200")."""

    status: str
    text: str = ""
    reply: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Grpc:
    """The three services, by method name."""

    def __init__(self, target: str) -> None:
        self.messages = load_messages()
        self.channel = grpc.insecure_channel(target)

    def message(self, name: str) -> Any:
        """An empty message of the package tensorflow.serving."""
        return self.messages[f"tensorflow.serving.{name}"]()

    def call(self, method: str, request: Any, response: str, timeout: float | None = TIMEOUT_SECONDS) -> Answer:
        """`method` is "PredictionService/Predict"; `request` a message or the bytes of one."""
        stub = self.channel.unary_unary(
            f"/tensorflow.serving.{method}",
            request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
            response_deserializer=self.messages[f"tensorflow.serving.{response}"].FromString,
        )
        try:
            return Answer("OK", reply=stub(request, timeout=timeout))
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details() or "")

    def begin_predict(self, request: Any) -> grpc.Future:
        """A Predict that nobody waits for: cancel it."""
        stub = self.channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.messages["tensorflow.serving.PredictResponse"].FromString,
        )
        return stub.future(request)

    def predict(self, request: Any, timeout: float | None = TIMEOUT_SECONDS) -> Answer:
        return self.call("PredictionService/Predict", request, "PredictResponse", timeout)

    def predict_request(self, model: str, **inputs: list[Any]) -> Any:
        """float32 inputs, each a row or a list of rows, as float_val."""
        request = self.message("PredictRequest")
        request.model_spec.name = model
        for name, rows in inputs.items():
            put_floats(request.inputs[name], rows)
        return request

    def status(self, name: str, version: int | None = None) -> Answer:
        request = self.message("GetModelStatusRequest")
        request.model_spec.name = name
        if version is not None:
            request.model_spec.version.value = version
        return self.call("ModelService/GetModelStatus", request, "GetModelStatusResponse")

    def metadata(self, name: str, *fields: str) -> Answer:
        request = self.message("GetModelMetadataRequest")
        request.model_spec.name = name
        request.metadata_field.extend(fields)
        return self.call("PredictionService/GetModelMetadata", request, "GetModelMetadataResponse")


def put_floats(tensor: Any, rows: list[Any]) -> None:
    """Fills a TensorProto: a flat list is one dimension, a list of lists two."""
    tensor.dtype = DT_FLOAT
    is_matrix = len(rows) > 0 and isinstance(rows[0], list)
    flat = [value for row in rows for value in row] if is_matrix else rows
    for size in (len(rows), len(rows[0])) if is_matrix else (len(rows),):
        tensor.tensor_shape.dim.add().size = size
    tensor.float_val.extend(flat)


class Rest:
    """One connection a request: nothing that a row does to its connection reaches the next."""

    def __init__(self, url: str) -> None:
        self.host = url.removeprefix("http://")

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """`body`: bytes as they are, str as UTF-8, anything else as JSON. `reply` is the JSON, or None."""
        connection = http.client.HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)
        data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        try:
            connection.request(method, path, None if body is None else data, headers or {})
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        reply = parse(raw)
        error = reply.get("error", "") if isinstance(reply, dict) else ""
        return Answer(str(response.status), error, reply, {k.lower(): v for k, v in response.getheaders()})

    def predict(self, model: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        return self.send("POST", f"/v1/models/{model}:predict", body, headers)

    def get(self, path: str) -> Answer:
        return self.send("GET", path)


def parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def float_bytes(*values: float) -> bytes:
    """Little-endian float32, as tensor_content wants them."""
    return struct.pack(f"<{len(values)}f", *values)


@dataclass(frozen=True)
class Sidecar:
    """What a row talks to."""

    grpc: Grpc
    rest: Rest
    # Directory that holds the base path of each model, by the model's name.
    models: str
