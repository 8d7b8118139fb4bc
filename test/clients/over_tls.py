"""Predict over TLS with the official messages, over gRPC and over REST, with a client's certificate and without.

    over_tls.py GRPC_TARGET REST_PORT SERVER_CERT CLIENT_KEY CLIENT_CERT

The model "m" answers with what it was sent, and wants certificates. Prints one line a check, ends with "ok" and status 0.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from tensorflow_serving import Client, to_numpy

X = np.array([1, 2.5, -3], np.float32)


def check_grpc(target: str, ca: bytes, key: bytes, cert: bytes) -> None:
    """With the certificate an answer, without it none."""
    client = Client(target, grpc.ssl_channel_credentials(ca, key, cert))
    for as_content in (False, True):
        reply = client.predict("m", {"x": X}, as_content)
        if to_numpy(reply.outputs["y"]).tolist() != X.tolist():
            sys.exit(f"gRPC: {reply}")
    stranger = Client(target, grpc.ssl_channel_credentials(ca))
    try:
        stranger.predict("m", {"x": X}, True)
        sys.exit("gRPC answered a client without a certificate")
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            sys.exit(f"without a certificate: {error}")
    print("as expected: gRPC")


def https(port: int, context: ssl.SSLContext, body: bytes, headers: dict[str, str]) -> bytes:
    """The body of the answer. Raises OSError or http.client.HTTPException."""
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
    connection.request("POST", "/v1/models/m:predict", body, headers)
    return connection.getresponse().read()


def check_rest(port: int, ca_file: str, key_file: str, cert_file: str, messages: dict[str, Any]) -> None:
    """JSON, and protobuf; without the certificate neither."""
    context = ssl.create_default_context(cafile=ca_file)
    # The tests' certificate names its host the old way.
    context.hostname_checks_common_name = True
    context.load_cert_chain(cert_file, key_file)
    if (reply := https(port, context, b'{"instances":[1,2]}', {})) != b'{"predictions":[1.0,2.0]}':
        sys.exit(f"REST: {reply!r}")
    request = messages["tensorflow.serving.PredictRequest"]()
    tensor = request.inputs["x"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add().size = len(X)
    tensor.float_val.extend(X.tolist())
    body = https(port, context, request.SerializeToString(), {"Content-Type": "application/x-protobuf"})
    response = messages["tensorflow.serving.PredictResponse"].FromString(body)
    if to_numpy(response.outputs["y"]).tolist() != X.tolist() or response.model_spec.name != "m":
        sys.exit(f"REST, protobuf: {response}")
    stranger = ssl.create_default_context(cafile=ca_file)
    stranger.hostname_checks_common_name = True
    try:
        https(port, stranger, b'{"instances":[1,2]}', {})
        sys.exit("REST answered a client without a certificate")
    except (OSError, http.client.HTTPException):
        print("as expected: REST")


def main() -> None:
    """See the module's docstring."""
    target, port, ca, key, cert = sys.argv[1:]
    check_grpc(target, *(Path(file).read_bytes() for file in (ca, key, cert)))
    check_rest(int(port), ca, key, cert, Client(target).messages)
    print("ok")


if __name__ == "__main__":
    main()
