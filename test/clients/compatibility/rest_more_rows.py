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


@MORE.rest("the same for :classify and :regress", "400", "200", "the gRPC method's messages")
def _(s: Sidecar) -> Answer:
    answers = []
    for verb, name in (("classify", "ClassificationRequest"), ("regress", "RegressionRequest")):
        request = s.grpc.message(name)
        request.model_spec.signature_name = verb
        feature = request.input.example_list.examples.add().features.feature["x"]
        feature.float_list.value.extend([1, 2, 3, 4])
        path = f"/v1/models/examples:{verb}"
        answers.append(s.rest.send("POST", path, request.SerializeToString(), {"Content-Type": PROTOBUF}))
        check(answers[-1].headers["content-type"] == PROTOBUF, answers[-1])
    return answers[-1]


@MORE.rest("the same, and model_spec names another model than the path", "400")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("pair", x=[[1, 2, 3, 4]])
    return s.rest.predict("float", request.SerializeToString(), {"Content-Type": PROTOBUF})


@MORE.rest("OPTIONS without an Origin", "400", "200", "the methods of the path are in Allow")
def _(s: Sidecar) -> Answer:
    answer = s.rest.send("OPTIONS", "/v1/models/float:predict")
    check(answer.headers["allow"] == "POST, OPTIONS", answer.headers)
    return answer
