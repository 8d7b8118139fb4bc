"""Runs the Python that the console prints, without TensorFlow installed.

    run_sample.py < sample.py

The modules that it imports are made of the official client's own messages; the stub is grpcio's, with their paths.
"""

from __future__ import annotations

import sys
from types import ModuleType

from tensorflow_serving import load_messages

MESSAGES = load_messages()


def module(name: str, **members: object) -> None:
    """A module, and the packages above it."""
    parts = name.split(".")
    for end in range(1, len(parts)):
        package = ".".join(parts[:end])
        if not hasattr(sys.modules.get(package), "__path__"):
            sys.modules[package] = ModuleType(package)
            sys.modules[package].__path__ = []
    made = sys.modules[name] = ModuleType(name)
    vars(made).update(members)


def messages(name: str, package: str, *names: str) -> None:
    """A module of generated messages."""
    module(name, **{each: MESSAGES[f"{package}.{each}"] for each in names})


class PredictionServiceStub:
    """The calls that samples make."""

    def __init__(self, channel: object) -> None:
        for method, kind in (("Classify", "Classification"), ("Regress", "Regression")):
            call = channel.unary_unary(
                f"/tensorflow.serving.PredictionService/{method}",
                request_serializer=MESSAGES[f"tensorflow.serving.{kind}Request"].SerializeToString,
                response_deserializer=MESSAGES[f"tensorflow.serving.{kind}Response"].FromString,
            )
            setattr(self, method, call)


messages("tensorflow.core.example.example_pb2", "tensorflow", "Example")
lists = ("Feature", "Features", "FloatList", "Int64List", "BytesList")
messages("tensorflow.core.example.feature_pb2", "tensorflow", *lists)
messages("tensorflow_serving.apis.classification_pb2", "tensorflow.serving", "ClassificationRequest")
messages("tensorflow_serving.apis.regression_pb2", "tensorflow.serving", "RegressionRequest")
module("tensorflow_serving.apis.prediction_service_pb2_grpc", PredictionServiceStub=PredictionServiceStub)

exec(compile(sys.stdin.read(), "sample", "exec"), {"__name__": "__main__"})
