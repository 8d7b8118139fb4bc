"""TensorFlow Serving's own messages and method paths over grpcio, without installing TensorFlow.

The messages come from the descriptors inside PyPI's tensorflow-serving-api, kept under test/golden/wire: the same
classes that the official client uses, byte for byte on the wire.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

WIRE = Path(__file__).parent.parent / "golden" / "wire" / "tensorflow-serving-api.fds.bin"

DT_FLOAT, DT_INT64 = 1, 9
FIELD_OF = {DT_FLOAT: ("float_val", np.float32), DT_INT64: ("int64_val", np.int64)}


def load_messages() -> dict[str, Any]:
    """Message classes by full name."""
    files = descriptor_pb2.FileDescriptorSet.FromString(WIRE.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    names = [file.name for file in files.file]
    return dict(message_factory.GetMessageClassesForFiles(names, pool))


class Client:
    """Unary calls of PredictionService and ModelService."""

    def __init__(self, target: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self.messages = load_messages()
        if credentials is None:
            self.channel = grpc.insecure_channel(target)
        else:
            # The tests' certificates are made out to localhost.
            options = [("grpc.ssl_target_name_override", "localhost")]
            self.channel = grpc.secure_channel(target, credentials, options)

    def call(self, service: str, method: str, request: Any, response: str, **options: Any) -> Any:
        """One unary call; `response` is the reply's message name. Raises grpc.RpcError."""
        stub = self.channel.unary_unary(
            f"/tensorflow.serving.{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.messages[f"tensorflow.serving.{response}"].FromString,
        )
        return stub(request, timeout=10, **options)

    def predict(self, model: str, inputs: dict[str, np.ndarray], as_content: bool, **options: Any) -> Any:
        """Predict with float inputs, sent as tensor_content or as float_val."""
        request = self.messages["tensorflow.serving.PredictRequest"]()
        request.model_spec.name = model
        for name, array in inputs.items():
            tensor = request.inputs[name]
            tensor.dtype = DT_FLOAT
            for size in array.shape:
                tensor.tensor_shape.dim.add().size = size
            if as_content:
                tensor.tensor_content = array.astype("<f4").tobytes()
            else:
                tensor.float_val.extend(array.ravel().tolist())
        return self.call("PredictionService", "Predict", request, "PredictResponse", **options)


def to_numpy(tensor: Any) -> np.ndarray:
    """A reply's TensorProto as an array of its own dtype."""
    field, dtype = FIELD_OF[tensor.dtype]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    return np.array(getattr(tensor, field), dtype).reshape(shape)
