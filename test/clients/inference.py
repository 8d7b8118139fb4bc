"""Classify, Regress and MultiInference with TensorFlow Serving's own messages, and the same over REST.

    python test/clients/inference.py GRPC_ADDRESS REST_URL

The server serves the model "examples": y = 2x + 1 as scores of the labels a to d, and the sum of x. Prints "ok" last.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from typing import Any

import grpc
from tensorflow_serving import DT_FLOAT, Client

METHOD = "tensorflow/serving/"


def feature(example: Any, name: str, values: list[float]) -> None:
    """Adds a feature to a tensorflow.Example."""
    example.features.feature[name].float_list.value.extend(values)


def request_for(client: Client, message: str, signature: str, examples: list[dict[str, list[float]]]) -> Any:
    """A ClassificationRequest or RegressionRequest."""
    request = client.messages[f"tensorflow.serving.{message}"]()
    request.model_spec.name = "examples"
    request.model_spec.signature_name = signature
    for features in examples:
        example = request.input.example_list.examples.add()
        for name, values in features.items():
            feature(example, name, values)
    return request


def rest(url: str, verb: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Status and JSON of a POST."""
    data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(f"{url}/v1/models/examples:{verb}", data, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def expect(got: Any, want: Any) -> None:
    """Ends the program unless the two are equal."""
    if got != want:
        sys.exit(f"got  {got}\nwant {want}")
    print(f"same: {want}")


def failure(client: Client, method: str, request: Any, response: str) -> Any:
    """The status code of a call that must fail."""
    try:
        client.call("PredictionService", method, request, response)
    except grpc.RpcError as error:
        return error.code()
    sys.exit(f"{method} did not fail")


def check_classify(client: Client, url: str) -> None:
    """Labels with scores of each example, the same on both surfaces."""
    examples = [{"x": [1.0, 2.0, 3.0, 4.5]}, {"x": [0.0, -0.5, 0.0, 0.0]}]
    request = request_for(client, "ClassificationRequest", "classify", examples)
    answer = client.call("PredictionService", "Classify", request, "ClassificationResponse")
    rows = [[[each.label, each.score] for each in row.classes] for row in answer.result.classifications]
    expect(rows[0], [["a", 3.0], ["b", 5.0], ["c", 7.0], ["d", 10.0]])
    expect(rows[1][1], ["b", 0.0])
    expect([answer.model_spec.version.value, answer.model_spec.signature_name], [1, "classify"])
    expect(rest(url, "classify", {"signature_name": "classify", "examples": examples}), (200, {"results": rows}))


def check_regress(client: Client, url: str) -> None:
    """One value an example; a context that examples override; defaults."""
    request = client.messages["tensorflow.serving.RegressionRequest"]()
    request.model_spec.name, request.model_spec.signature_name = "examples", "regress"
    with_context = request.input.example_list_with_context
    feature(with_context.context, "x", [1.0, 1.0, 1.0, 1.0])
    feature(with_context.examples.add(), "x", [1.0, 2.0, 3.0, 4.5])
    with_context.examples.add()
    answer = client.call("PredictionService", "Regress", request, "RegressionResponse")
    values = [each.value for each in answer.result.regressions]
    expect(values, [10.5, 4.0])
    body = {"signature_name": "regress", "context": {"x": [1, 1, 1, 1]}, "examples": [{"x": [1, 2, 3, 4.5]}, {}]}
    expect(rest(url, "regress", body), (200, {"results": values}))
    filled = request_for(client, "RegressionRequest", "filled", [{}, {"value": [1.0, 0.0, 0.0, 0.0]}])
    answer = client.call("PredictionService", "Regress", filled, "RegressionResponse")
    expect([each.value for each in answer.result.regressions], [2.0, 1.0])


def check_multi_inference(client: Client) -> None:
    """Two signatures on the same examples."""
    request = client.messages["tensorflow.serving.MultiInferenceRequest"]()
    for signature, method in [("classify", "classify"), ("regress", "regress")]:
        task = request.tasks.add(method_name=METHOD + method)
        task.model_spec.name, task.model_spec.signature_name = "examples", signature
    feature(request.input.example_list.examples.add(), "x", [1.0, 2.0, 3.0, 4.5])
    answer = client.call("PredictionService", "MultiInference", request, "MultiInferenceResponse")
    classified, regressed = answer.results
    expect([each.label for each in classified.classification_result.classifications[0].classes], ["a", "b", "c", "d"])
    expect([each.value for each in regressed.regression_result.regressions], [10.5])
    expect([each.model_spec.signature_name for each in answer.results], ["classify", "regress"])
    request.tasks[1].method_name = METHOD + "predict"
    code = failure(client, "MultiInference", request, "MultiInferenceResponse")
    expect(code, grpc.StatusCode.UNIMPLEMENTED)


def check_predict(client: Client) -> None:
    """Predict with serialized examples, and with a default in place of the one input."""
    example = client.messages["tensorflow.Example"]()
    feature(example, "x", [1.0, 2.0, 3.0, 4.5])
    request = client.messages["tensorflow.serving.PredictRequest"]()
    request.model_spec.name, request.model_spec.signature_name = "examples", "regress"
    tensor = request.inputs["inputs"]
    tensor.dtype = 7
    tensor.tensor_shape.dim.add().size = 1
    tensor.string_val.append(example.SerializeToString())
    answer = client.call("PredictionService", "Predict", request, "PredictResponse")
    expect(list(answer.outputs["outputs"].float_val), [10.5])
    request = client.messages["tensorflow.serving.PredictRequest"]()
    request.model_spec.name, request.model_spec.signature_name = "examples", "renamed"
    answer = client.call("PredictionService", "Predict", request, "PredictResponse")
    expect(list(answer.outputs["affine"].float_val), [3.0, 5.0, 7.0, 9.0])


def check_metadata(client: Client) -> None:
    """The signatures as a client sees them before it calls."""
    request = client.messages["tensorflow.serving.GetModelMetadataRequest"]()
    request.model_spec.name = "examples"
    request.metadata_field.append("signature_def")
    answer = client.call("PredictionService", "GetModelMetadata", request, "GetModelMetadataResponse")
    signatures = client.messages["tensorflow.serving.SignatureDefMap"]()
    answer.metadata["signature_def"].Unpack(signatures)
    classify = signatures.signature_def["classify"]
    expect([classify.method_name, list(classify.inputs), sorted(classify.outputs)],
           [METHOD + "classify", ["inputs"], ["classes", "scores"]])
    expect([classify.inputs["inputs"].dtype, [dim.size for dim in classify.inputs["inputs"].tensor_shape.dim]], [7, [-1]])
    default = signatures.signature_def["renamed"].defaults["pixels"]
    expect([default.dtype, list(default.float_val)], [DT_FLOAT, [1.0, 2.0, 3.0, 4.0]])


def check_errors(client: Client, url: str) -> None:
    """The same request is refused alike on both surfaces."""
    for signature, examples in [("none", [{"x": [1.0]}]), ("classify", [{"x": [1.0]}]), ("serving_default", [{}])]:
        request = request_for(client, "ClassificationRequest", signature, examples)
        code = failure(client, "Classify", request, "ClassificationResponse")
        expect(code, grpc.StatusCode.INVALID_ARGUMENT)
        status, _ = rest(url, "classify", {"signature_name": signature, "examples": examples})
        expect(status, 400)
    request = request_for(client, "ClassificationRequest", "classify", [])
    expect(failure(client, "Classify", request, "ClassificationResponse"), grpc.StatusCode.INVALID_ARGUMENT)


def main() -> None:
    """Runs the command line described at the top of this file."""
    target, url = sys.argv[1:]
    client = Client(target)
    check_classify(client, url)
    check_regress(client, url)
    check_multi_inference(client)
    check_predict(client)
    check_metadata(client)
    check_errors(client, url)
    print("ok")


if __name__ == "__main__":
    main()
