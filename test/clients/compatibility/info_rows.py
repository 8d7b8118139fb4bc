"""GetModelStatus and GetModelMetadata on both surfaces."""

from __future__ import annotations

from .row import Section, check
from .surfaces import Answer, Sidecar

INFO = Section("Status and metadata")


@INFO.grpc("status of an unknown model", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return s.grpc.status("nobody")


@INFO.grpc("status of a version that is not there", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return s.grpc.status("float", 99)


@INFO.grpc("status: version, AVAILABLE, OK", "OK")
def _(s: Sidecar) -> Answer:
    answer = s.grpc.status("float")
    [status] = answer.reply.model_version_status
    check((status.version, status.state, status.status.error_code) == (1, 30, 0), status)
    return answer


@INFO.grpc("status with an empty name", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return s.grpc.status("")


@INFO.grpc("metadata without a field", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return s.grpc.metadata("float")


@INFO.grpc("metadata of an unknown field", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return s.grpc.metadata("float", "graph_def")


@INFO.grpc("metadata of an unknown model", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return s.grpc.metadata("nobody", "signature_def")


@INFO.grpc("metadata: name and version, signature_def in an Any", "OK")
def _(s: Sidecar) -> Answer:
    answer = s.grpc.metadata("float", "signature_def")
    spec = answer.reply.model_spec
    check((spec.name, spec.version.value, spec.signature_name) == ("float", 1, ""), spec)
    signatures = s.grpc.message("SignatureDefMap")
    check(answer.reply.metadata["signature_def"].Unpack(signatures), answer.reply.metadata)
    x = signatures.signature_def["serving_default"].inputs["x"]
    check((x.dtype, [d.size for d in x.tensor_shape.dim]) == (1, [-1, 4]), x)
    check(signatures.signature_def["serving_default"].method_name == "tensorflow/serving/predict", signatures)
    return answer


@INFO.rest("status: version is a string, error_code OK", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.get("/v1/models/float")
    want = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    check(answer.reply == {"model_version_status": [want]}, answer.reply)
    return answer


@INFO.rest("status of an unknown model", "404")
def _(s: Sidecar) -> Answer:
    return s.rest.get("/v1/models/nobody")


@INFO.rest("status of a version", "200")
def _(s: Sidecar) -> Answer:
    return s.rest.get("/v1/models/float/versions/1")


@INFO.rest("status of a version that is not there", "404")
def _(s: Sidecar) -> Answer:
    return s.rest.get("/v1/models/float/versions/99")


@INFO.rest("status by a label ignores the label, even an unknown one", "200")
def _(s: Sidecar) -> Answer:
    return s.rest.get("/v1/models/float/labels/nobody")


@INFO.rest("metadata: signature_def twice, sizes as strings", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.get("/v1/models/float/metadata")
    check(answer.reply["model_spec"] == {"name": "float", "signature_name": "", "version": "1"}, answer.reply)
    signature = answer.reply["metadata"]["signature_def"]["signature_def"]["serving_default"]
    x = signature["inputs"]["x"]
    check(x["dtype"] == "DT_FLOAT" and [d["size"] for d in x["tensor_shape"]["dim"]] == ["-1", "4"], x)
    check(x["tensor_shape"]["unknown_rank"] is False and signature["defaults"] == {}, signature)
    return answer


@INFO.rest("metadata by an unknown label", "400")
def _(s: Sidecar) -> Answer:
    return s.rest.get("/v1/models/float/labels/nobody/metadata")


@INFO.rest("metadata of an unknown model", "404")
def _(s: Sidecar) -> Answer:
    return s.rest.get("/v1/models/nobody/metadata")


@INFO.rest("/METADATA in upper case is the status", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.get("/v1/models/float/METADATA")
    check("model_version_status" in answer.reply, answer.reply)
    return answer
