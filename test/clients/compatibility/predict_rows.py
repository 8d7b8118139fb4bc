"""Predict over gRPC: the order of checks, their statuses, and how tensors are read and answered.

Models (test/support/surface-models.ts): `float` x float32 [batch,4] → y = x; `affine` y = 2x + 1; `pair` a float32 and
b int64 [batch,2] → sum, count; `uint8` and `string` x [batch,2] → y = x; each labelled `stable`.
"""

from __future__ import annotations

from .row import Section, check
from .surfaces import DT_FLOAT, DT_INT32, DT_INT64, DT_STRING, Answer, Sidecar, float_bytes, put_floats

SPEC = Section("Which model answers (gRPC)")
INPUTS = Section("What Predict checks (gRPC)")
TENSORS = Section("How tensors are read and written (gRPC)")

ROW = [[1.0, 2.0, 3.0, 4.0]]
UINT8, FLOAT8 = 4, 24


def ask(sidecar: Sidecar, model: str = "float", rows: list | None = None, **spec: object) -> Answer:
    """Predict with x; `spec` sets version, label or signature."""
    request = sidecar.grpc.predict_request(model, x=ROW if rows is None else rows)
    if "version" in spec:
        request.model_spec.version.value = spec["version"]
    if "label" in spec:
        request.model_spec.version_label = spec["label"]
    if "signature" in spec:
        request.model_spec.signature_name = spec["signature"]
    return sidecar.grpc.predict(request)


@SPEC.grpc("model_spec is absent: Predict", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return s.grpc.predict(s.grpc.message("PredictRequest"))


@SPEC.grpc("model_spec is absent: GetModelMetadata", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.message("GetModelMetadataRequest")
    request.metadata_field.append("signature_def")
    return s.grpc.call("PredictionService/GetModelMetadata", request, "GetModelMetadataResponse")


@SPEC.grpc("model_spec is absent: GetModelStatus", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return s.grpc.call("ModelService/GetModelStatus", s.grpc.message("GetModelStatusRequest"), "GetModelStatusResponse")


@SPEC.grpc("the name is empty", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return ask(s, "")


@SPEC.grpc("unknown model", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return ask(s, "nobody")


@SPEC.grpc("a version that is not there", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return ask(s, version=99)


@SPEC.grpc("version 0, sent as 0: it is a version as any other", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return ask(s, version=0)


@SPEC.grpc("unknown label", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return ask(s, label="nobody")


@SPEC.grpc("an unknown model with a label", "INVALID_ARGUMENT", "NOT_FOUND", "the model is what is missing")
def _(s: Sidecar) -> Answer:
    return ask(s, "nobody", label="stable")


@SPEC.grpc("a label that is there; the reply names the version and no label", "OK")
def _(s: Sidecar) -> Answer:
    answer = ask(s, label="stable")
    check(answer.status == "OK" and not answer.reply.model_spec.version_label, answer)
    return answer


@SPEC.grpc("unknown signature", "FAILED_PRECONDITION")
def _(s: Sidecar) -> Answer:
    return ask(s, signature="nobody")


@SPEC.grpc("the reply's model_spec: name, concrete version, signature_name filled in", "OK")
def _(s: Sidecar) -> Answer:
    answer = ask(s)
    spec = answer.reply.model_spec
    check((spec.name, spec.version.value, spec.signature_name) == ("float", 1, "serving_default"), spec)
    return answer


@SPEC.grpc("the fields of PredictRequest for streaming and decoders are ignored", "OK")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("float", x=ROW)
    request.predict_streamed_options.return_single_response = True
    request.client_id = b"anyone"
    request.request_options.deterministic_mode = 1
    return s.grpc.predict(request)


@INPUTS.grpc("an input is missing", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    answer = s.grpc.predict(s.grpc.predict_request("pair", a=[[1.0, 2.0]]))
    check('"b"' in answer.text, answer)
    return answer


@INPUTS.grpc("an input too many", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return s.grpc.predict(s.grpc.predict_request("float", x=ROW, z=ROW))


@INPUTS.grpc("as many inputs as wanted, one under another name", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return s.grpc.predict(s.grpc.predict_request("float", z=ROW))


@INPUTS.grpc("no inputs at all", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return s.grpc.predict(s.grpc.predict_request("float"))


@INPUTS.grpc("output_filter names what is not there", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("float", x=ROW)
    request.output_filter.append("z")
    return s.grpc.predict(request)


@INPUTS.grpc("output_filter names an output twice", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("float", x=ROW)
    request.output_filter.extend(["y", "y"])
    return s.grpc.predict(request)


@INPUTS.grpc("output_filter: only what it names is answered", "OK")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("pair", a=[[1.0, 2.0]])
    b = request.inputs["b"]
    b.dtype = DT_INT64
    b.tensor_shape.dim.add().size = 1
    b.tensor_shape.dim.add().size = 2
    b.int64_val.extend([5, 6])
    request.output_filter.append("count")
    answer = s.grpc.predict(request)
    check(list(answer.reply.outputs) == ["count"], answer)
    return answer


@INPUTS.grpc("another dtype than the signature's", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("float", x=ROW)
    tensor = request.inputs["x"]
    tensor.ClearField("float_val")
    tensor.dtype = DT_INT32
    tensor.int_val.extend([1, 2, 3, 4])
    return s.grpc.predict(request)


@INPUTS.grpc("another shape than the signature's, which the graph refuses", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return ask(s, rows=[[1.0, 2.0, 3.0]])


@INPUTS.grpc("a scalar where the graph wants rows", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.message("PredictRequest")
    request.model_spec.name = "float"
    tensor = request.inputs["x"]
    tensor.dtype = DT_FLOAT
    tensor.float_val.append(1.0)
    return s.grpc.predict(request)


@INPUTS.grpc("inputs whose numbers of rows differ", "INVALID_ARGUMENT", "OK", "the graph decides, in a run of its own")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("pair", a=[[1.0, 2.0]])
    b = request.inputs["b"]
    b.dtype = DT_INT64
    b.tensor_shape.dim.add().size = 2
    b.tensor_shape.dim.add().size = 2
    b.int64_val.extend([5, 6, 7, 8])
    return s.grpc.predict(request)


@INPUTS.grpc("no rows: an empty answer", "OK")
def _(s: Sidecar) -> Answer:
    request = s.grpc.message("PredictRequest")
    request.model_spec.name = "float"
    tensor = request.inputs["x"]
    tensor.dtype = DT_FLOAT
    for size in (0, 4):
        tensor.tensor_shape.dim.add().size = size
    answer = s.grpc.predict(request)
    check([d.size for d in answer.reply.outputs["y"].tensor_shape.dim] == [0, 4], answer)
    return answer


@INPUTS.grpc("more rows than a batch", "INVALID_ARGUMENT", "OK", "it is cut, run in parts and joined")
def _(s: Sidecar) -> Answer:
    rows = [[float(i), 0.0, 0.0, 0.0] for i in range(300)]
    answer = ask(s, rows=rows)
    check(list(answer.reply.outputs["y"].float_val)[::4] == [row[0] for row in rows], "rows came back in another order")
    return answer


@INPUTS.grpc("the deadline passes", "DEADLINE_EXCEEDED")
def _(s: Sidecar) -> Answer:
    return s.grpc.predict(s.grpc.predict_request("slow", x=[[1.0]]), timeout=0.05)


@INPUTS.grpc("the queue is full", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "a mesh does not eject a host for shedding")
def _(s: Sidecar) -> Answer:
    rows = [[1.0]] * 6400
    first = s.grpc.begin_predict(s.grpc.predict_request("slow", x=rows))
    try:
        return s.grpc.predict(s.grpc.predict_request("slow", x=rows), timeout=None)
    finally:
        first.cancel()


@INPUTS.grpc("bytes that are no message", "INTERNAL", "INVALID_ARGUMENT", "the request is at fault, not the server")
def _(s: Sidecar) -> Answer:
    return s.grpc.call("PredictionService/Predict", b"\x0a\xff", "PredictResponse")


def tensor_answer(s: Sidecar, model: str, fill) -> Answer:
    request = s.grpc.message("PredictRequest")
    request.model_spec.name = model
    fill(request.inputs["x"])
    return s.grpc.predict(request)


def shaped(tensor, dtype: int, *dims: int) -> None:
    tensor.dtype = dtype
    for size in dims:
        tensor.tensor_shape.dim.add().size = size


@TENSORS.grpc("tensor_content wins over *_val", "OK")
def _(s: Sidecar) -> Answer:
    def fill(tensor) -> None:
        put_floats(tensor, ROW)
        tensor.tensor_content = float_bytes(9, 8, 7, 6)

    answer = tensor_answer(s, "float", fill)
    check(list(answer.reply.outputs["y"].float_val) == [9, 8, 7, 6], answer)
    return answer


@TENSORS.grpc("tensor_content of another length than the shape's", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    def fill(tensor) -> None:
        shaped(tensor, DT_FLOAT, 1, 4)
        tensor.tensor_content = float_bytes(1, 2, 3)

    return tensor_answer(s, "float", fill)


def float_val(*values: float):
    def fill(tensor) -> None:
        shaped(tensor, DT_FLOAT, 1, 4)
        tensor.float_val.extend(values)

    return fill


def read_as(values: tuple[float, ...], read: list[float]):
    def act(s: Sidecar) -> Answer:
        answer = tensor_answer(s, "float", float_val(*values))
        check(list(answer.reply.outputs["y"].float_val) == read, answer)
        return answer

    return act


TENSORS.grpc("fewer values than elements: the last one repeats", "OK")(read_as((1, 2), [1, 2, 2, 2]))
TENSORS.grpc("no values: zeros", "OK")(read_as((), [0, 0, 0, 0]))
TENSORS.grpc("more values than elements: the surplus is dropped", "OK")(read_as((1, 2, 3, 4, 5), [1, 2, 3, 4]))


@TENSORS.grpc("values in the field of another dtype are not seen", "OK")
def _(s: Sidecar) -> Answer:
    def fill(tensor) -> None:
        shaped(tensor, DT_FLOAT, 1, 4)
        tensor.double_val.extend([1, 2, 3, 4])

    answer = tensor_answer(s, "float", fill)
    check(list(answer.reply.outputs["y"].float_val) == [0, 0, 0, 0], answer)
    return answer


@TENSORS.grpc("a negative dim", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return tensor_answer(s, "float", lambda tensor: shaped(tensor, DT_FLOAT, -1, 4))


@TENSORS.grpc("no dtype", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return tensor_answer(s, "float", lambda tensor: shaped(tensor, 0, 1, 4))


@TENSORS.grpc("a dtype that is not served", "INVALID_ARGUMENT", "UNIMPLEMENTED", "it says which there are")
def _(s: Sidecar) -> Answer:
    return tensor_answer(s, "float", lambda tensor: shaped(tensor, FLOAT8, 1, 4))


@TENSORS.grpc("int_val wraps into 8 bits", "OK")
def _(s: Sidecar) -> Answer:
    def fill(tensor) -> None:
        shaped(tensor, UINT8, 1, 2)
        tensor.int_val.extend([300, -1])

    answer = tensor_answer(s, "uint8", fill)
    check(list(answer.reply.outputs["y"].int_val) == [44, 255], answer)
    return answer


@TENSORS.grpc("string_val and a string's tensor_content", "OK")
def _(s: Sidecar) -> Answer:
    def by_content(tensor) -> None:
        shaped(tensor, DT_STRING, 1, 2)
        tensor.tensor_content = b"\x02\x01hiX"

    def by_values(tensor) -> None:
        shaped(tensor, DT_STRING, 1, 2)
        tensor.string_val.extend([b"hi", b"X"])

    answers = [tensor_answer(s, "string", fill) for fill in (by_content, by_values)]
    for answer in answers:
        check(list(answer.reply.outputs["y"].string_val) == [b"hi", b"X"], answer)
    return answers[0]


@TENSORS.grpc("NaN and infinities pass", "OK")
def _(s: Sidecar) -> Answer:
    answer = tensor_answer(s, "float", float_val(float("nan"), float("inf"), float("-inf"), -0.0))
    values = list(answer.reply.outputs["y"].float_val)
    check(values[0] != values[0] and values[1:3] == [float("inf"), float("-inf")] and str(values[3]) == "-0.0", values)
    return answer


@TENSORS.grpc("answers carry *_val, every element, and a shape", "OK")
def _(s: Sidecar) -> Answer:
    answer = ask(s, "affine", [[1.0] * 4, [1.0] * 4])
    tensor = answer.reply.outputs["y"]
    check(list(tensor.float_val) == [3.0] * 8 and [d.size for d in tensor.tensor_shape.dim] == [2, 4], tensor)
    check(tensor.tensor_content == b"", tensor)
    return answer
