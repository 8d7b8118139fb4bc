"""Classify, Regress and MultiInference on both surfaces, and Predict with defaults.

Model `examples` (test/support/surface-models.ts): y = 2x + 1 and total = Σx of a feature x of four floats; its pillion.yaml
declares `classify` (scores y, labels a to d), `regress` (total), `filled` (the feature value, 0.5 where it is absent),
`renamed` (predict: pixels → affine, default 1 2 3 4).
"""

from __future__ import annotations

import base64
from typing import Any

from .row import Section, check
from .surfaces import Answer, Sidecar

CLASSIFY = Section("Classify")
REGRESS = Section("Regress")
MULTI = Section("MultiInference (gRPC)")
EXAMPLES = Section("Examples and context")
DEFAULTS = Section("Inputs with defaults")

X = [1.0, 2.0, 3.0, 4.0]
SCORES = [3.0, 5.0, 7.0, 9.0]


def request_of(s: Sidecar, name: str, signature: str, model: str = "examples") -> Any:
    request = s.grpc.message(name)
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    return request


def add_example(examples: Any, **features: list[Any]) -> None:
    """A tf.Example of features: floats, ints or bytes."""
    fill(examples.add(), features)


def fill(example: Any, features: dict[str, list[Any]]) -> None:
    for name, values in features.items():
        feature = example.features.feature[name]
        kind = "bytes" if isinstance(values[0], bytes) else "int64" if isinstance(values[0], int) else "float"
        getattr(feature, f"{kind}_list").value.extend(values)


def classify(s: Sidecar, signature: str = "classify", model: str = "examples", **features: list[Any]) -> Answer:
    request = request_of(s, "ClassificationRequest", signature, model)
    add_example(request.input.example_list.examples, **(features or {"x": X}))
    return s.grpc.call("PredictionService/Classify", request, "ClassificationResponse")


def regress(s: Sidecar, signature: str = "regress", model: str = "examples", **features: list[Any]) -> Answer:
    request = request_of(s, "RegressionRequest", signature, model)
    add_example(request.input.example_list.examples, **(features or {"x": X}))
    return s.grpc.call("PredictionService/Regress", request, "RegressionResponse")


def rest(verb: str, body: Any, model: str = "examples"):
    return lambda s: s.rest.send("POST", f"/v1/models/{model}:{verb}", body)


@CLASSIFY.grpc("labels with scores, in the signature's order; model_spec as Predict's", "OK")
def _(s: Sidecar) -> Answer:
    answer = classify(s)
    [result] = answer.reply.result.classifications
    check([(c.label, c.score) for c in result.classes] == list(zip("abcd", SCORES)), result)
    spec = answer.reply.model_spec
    check((spec.name, spec.version.value, spec.signature_name) == ("examples", 1, "classify"), spec)
    return answer


@CLASSIFY.grpc("model_spec is absent", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.message("ClassificationRequest")
    return s.grpc.call("PredictionService/Classify", request, "ClassificationResponse")


@CLASSIFY.grpc("unknown model", "NOT_FOUND")
def _(s: Sidecar) -> Answer:
    return classify(s, model="nobody")


@CLASSIFY.grpc("unknown signature", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return classify(s, "nobody")


@CLASSIFY.grpc("a signature that takes no examples", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return classify(s, "serving_default")


@CLASSIFY.grpc("a signature with neither classes nor scores", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return classify(s, "regress")


@CLASSIFY.grpc("no example", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = request_of(s, "ClassificationRequest", "classify")
    request.input.example_list.SetInParent()
    return s.grpc.call("PredictionService/Classify", request, "ClassificationResponse")


@CLASSIFY.rest("results: [label, score] pairs of each example", "200")
def _(s: Sidecar) -> Answer:
    answer = rest("classify", {"signature_name": "classify", "examples": [{"x": X}]})(s)
    check(answer.reply == {"results": [[list(pair) for pair in zip("abcd", SCORES)]]}, answer.reply)
    return answer


NO_EXAMPLES: list[Any] = []
CLASSIFY.rest("no key examples", "400")(rest("classify", {"signature_name": "classify"}))
CLASSIFY.rest("examples is no list", "400")(rest("classify", {"signature_name": "classify", "examples": {"x": X}}))
CLASSIFY.rest("an empty list of examples", "400")(rest("classify", {"signature_name": "classify", "examples": NO_EXAMPLES}))
CLASSIFY.rest("an example that is no object", "400")(rest("classify", {"signature_name": "classify", "examples": [X]}))
CLASSIFY.rest("unknown signature", "400")(rest("classify", {"signature_name": "nobody", "examples": [{"x": X}]}))
CLASSIFY.rest("unknown model", "404")(rest("classify", {"examples": [{"x": X}]}, "nobody"))


@REGRESS.grpc("a value for each example", "OK")
def _(s: Sidecar) -> Answer:
    answer = regress(s)
    check([r.value for r in answer.reply.result.regressions] == [10.0], answer.reply)
    return answer


@REGRESS.grpc("unknown signature", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return regress(s, "nobody")


@REGRESS.grpc("a signature with other outputs", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return regress(s, "classify")


@REGRESS.rest("results: a value for each example", "200")
def _(s: Sidecar) -> Answer:
    answer = rest("regress", {"signature_name": "regress", "examples": [{"x": X}, {"x": [0, 0, 0, 1]}]})(s)
    check(answer.reply == {"results": [10.0, 1.0]}, answer.reply)
    return answer


def multi(s: Sidecar, *tasks: tuple[str, str, str]) -> Answer:
    """Tasks: model, signature, the last word of the method."""
    request = s.grpc.message("MultiInferenceRequest")
    for model, signature, method in tasks:
        task = request.tasks.add()
        task.model_spec.name = model
        task.model_spec.signature_name = signature
        task.method_name = f"tensorflow/serving/{method}"
    add_example(request.input.example_list.examples, x=X)
    return s.grpc.call("PredictionService/MultiInference", request, "MultiInferenceResponse")


BOTH = (("examples", "classify", "classify"), ("examples", "regress", "regress"))


@MULTI.grpc("a result for each task, in their order", "OK")
def _(s: Sidecar) -> Answer:
    answer = multi(s, *BOTH)
    first, second = answer.reply.results
    check([c.score for c in first.classification_result.classifications[0].classes] == SCORES, first)
    check(second.regression_result.regressions[0].value == 10.0, second)
    check(first.model_spec.signature_name == "classify" and second.model_spec.version.value == 1, answer.reply)
    return answer


MULTI.grpc("no tasks", "INVALID_ARGUMENT")(lambda s: multi(s))
MULTI.grpc("tasks of different models", "INVALID_ARGUMENT")(lambda s: multi(s, BOTH[0], ("float", "regress", "regress")))
MULTI.grpc("a later task without a name", "INVALID_ARGUMENT")(lambda s: multi(s, BOTH[0], ("", "regress", "regress")))
MULTI.grpc("the same signature twice", "INVALID_ARGUMENT")(lambda s: multi(s, BOTH[0], BOTH[0]))
MULTI.grpc("unknown signature", "INVALID_ARGUMENT")(lambda s: multi(s, ("examples", "nobody", "classify")))
MULTI.grpc("unknown model", "NOT_FOUND")(lambda s: multi(s, ("nobody", "classify", "classify")))
MULTI.grpc("another method than classify and regress", "UNIMPLEMENTED")(
    lambda s: multi(s, ("examples", "renamed", "predict"))
)


@MULTI.grpc("no example", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.message("MultiInferenceRequest")
    task = request.tasks.add()
    task.model_spec.name = "examples"
    task.model_spec.signature_name = "classify"
    task.method_name = "tensorflow/serving/classify"
    return s.grpc.call("PredictionService/MultiInference", request, "MultiInferenceResponse")


def with_context(s: Sidecar, context: dict[str, list[Any]], *examples: dict[str, list[Any]]) -> Answer:
    request = request_of(s, "RegressionRequest", "regress")
    fill(request.input.example_list_with_context.context, context)
    for example in examples:
        add_example(request.input.example_list_with_context.examples, **example)
    return s.grpc.call("PredictionService/Regress", request, "RegressionResponse")


@EXAMPLES.grpc("the context's features are every example's", "OK")
def _(s: Sidecar) -> Answer:
    answer = with_context(s, {"x": X}, {"other": [1]}, {"other": [2]})
    check([r.value for r in answer.reply.result.regressions] == [10.0, 10.0], answer)
    return answer


@EXAMPLES.grpc("an example's own feature wins over the context's", "OK")
def _(s: Sidecar) -> Answer:
    answer = with_context(s, {"x": X}, {"x": [0.0, 0.0, 0.0, 1.0]})
    check([r.value for r in answer.reply.result.regressions] == [1.0], answer)
    return answer


EXAMPLES.grpc("a context without examples", "INVALID_ARGUMENT")(lambda s: with_context(s, {"x": X}))
EXAMPLES.grpc("a feature is missing", "INVALID_ARGUMENT")(lambda s: regress(s, other=[1.0]))
EXAMPLES.grpc("a feature of another kind", "INVALID_ARGUMENT")(lambda s: regress(s, x=[b"a", b"b", b"c", b"d"]))
EXAMPLES.grpc("a feature with too few values", "INVALID_ARGUMENT")(lambda s: regress(s, x=[1.0]))


@EXAMPLES.rest("context beside examples", "200")
def _(s: Sidecar) -> Answer:
    body = {"signature_name": "regress", "context": {"x": X}, "examples": [{"other": 1}, {"x": [0, 0, 0, 1]}]}
    answer = rest("regress", body)(s)
    check(answer.reply == {"results": [10.0, 1.0]}, answer.reply)
    return answer


EXAMPLES.rest("a feature is missing", "400")(rest("regress", {"signature_name": "regress", "examples": [{"y": X}]}))
EXAMPLES.rest("a feature of mixed kinds", "400")(
    rest("regress", {"signature_name": "regress", "examples": [{"x": [1.5, "a", 2.5, 3.5]}]})
)
EXAMPLES.rest("an integer over int64", "400")(
    rest("regress", '{"signature_name": "regress", "examples": [{"x": 18446744073709551615}]}')
)
EXAMPLES.rest("a feature in base64 where floats are wanted", "400")(
    rest("regress", {"signature_name": "regress", "examples": [{"x": {"b64": base64.b64encode(b"abcd").decode()}}]})
)


def predict_renamed(s: Sidecar, with_input: bool) -> Answer:
    request = s.grpc.predict_request("examples", **({"pixels": [[1.0, 1.0, 1.0, 1.0]]} if with_input else {}))
    request.model_spec.signature_name = "renamed"
    return s.grpc.predict(request)


@DEFAULTS.grpc("an input that is sent wins", "OK")
def _(s: Sidecar) -> Answer:
    answer = predict_renamed(s, True)
    check(list(answer.reply.outputs["affine"].float_val) == [3.0] * 4, answer)
    return answer


@DEFAULTS.grpc("an input left out is its default", "OK")
def _(s: Sidecar) -> Answer:
    answer = predict_renamed(s, False)
    check(list(answer.reply.outputs["affine"].float_val) == SCORES, answer)
    return answer


@DEFAULTS.grpc("a name that the signature does not have", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.predict_request("examples", nobody=[[1.0] * 4])
    request.model_spec.signature_name = "renamed"
    return s.grpc.predict(request)


@DEFAULTS.rest("row format wants every input: defaults do not help", "400")
def _(s: Sidecar) -> Answer:
    return s.rest.predict("examples", {"signature_name": "renamed", "instances": [{}]})
