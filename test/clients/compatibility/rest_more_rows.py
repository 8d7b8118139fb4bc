"""What REST answers here and TensorFlow Serving's does not."""

from __future__ import annotations

from .row import Section, check
from .surfaces import Answer, Sidecar

MORE = Section("Beyond TensorFlow Serving (REST)")

VERSION = "x-pillion-model-version"
PROTOBUF = "application/x-protobuf"


@MORE.rest("GET /v1/models", "400", "200", "it lists every model with its versions and states")
def _(s: Sidecar) -> Answer:
    answer = s.rest.get("/v1/models")
    [listed] = [m for m in answer.reply["models"] if m["name"] == "float"]
    status = s.rest.get("/v1/models/float").reply
    check({"name": "float", **status} == listed, listed)
    return answer


@MORE.rest("the version that answered, in a header: predict, metadata, status of a version", "200", "200", "there it is not told")
def _(s: Sidecar) -> Answer:
    answer = s.rest.predict("float", {"instances": [[1, 2, 3, 4]]})
    for other in (answer, s.rest.get("/v1/models/float/metadata"), s.rest.get("/v1/models/float/versions/1")):
        check(other.headers[VERSION] == "1", other.headers)
    return answer


@MORE.rest("application/x-protobuf: a PredictRequest", "400", "200", "a PredictResponse of the same type")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("float", x=[[1, 2, 3, 4]])
    answer = s.rest.predict("float", request.SerializeToString(), {"Content-Type": PROTOBUF})
    check(answer.headers["content-type"] == PROTOBUF, answer.headers)
    return answer


@MORE.rest("the same, and model_spec names another model than the path", "400")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("pair", x=[[1, 2, 3, 4]])
    return s.rest.predict("float", request.SerializeToString(), {"Content-Type": PROTOBUF})


@MORE.rest("OPTIONS without an Origin", "400", "200", "the methods of the path are in Allow")
def _(s: Sidecar) -> Answer:
    answer = s.rest.send("OPTIONS", "/v1/models/float:predict")
    check(answer.headers["allow"] == "POST, OPTIONS", answer.headers)
    return answer
