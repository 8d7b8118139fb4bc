"""Reads TFRecord files of PredictionLog with TensorFlow Serving's own messages: one line of JSON for each record.

    python test/clients/read_records.py FILE …

A line has the kind of log, who answered, the request's models, and of each result its rows: [label, score] or value.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any, Iterator

from tensorflow_serving import load_messages

HEAD, TAIL = 12, 4


def records(path: str) -> Iterator[bytes]:
    """The data of each record; its checksums are tested elsewhere."""
    data = Path(path).read_bytes()
    position = 0
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        yield data[position + HEAD : position + HEAD + length]
        position += HEAD + length + TAIL


def values(feature: Any) -> list[Any]:
    """Of a feature of either kind of number."""
    return list(getattr(feature, feature.WhichOneof("kind")).value)


def rows(result: Any) -> list[Any]:
    """Of a ClassificationResult, RegressionResult or InferenceResult."""
    if result.DESCRIPTOR.name == "InferenceResult":
        return rows(getattr(result, result.WhichOneof("result")))
    if result.DESCRIPTOR.name == "RegressionResult":
        return [regression.value for regression in result.regressions]
    return [[[each.label, each.score] for each in row.classes] for row in result.classifications]


def describe(log: Any) -> dict[str, Any]:
    """What the record says."""
    kind = log.WhichOneof("log_type")
    request, response = getattr(log, kind).request, getattr(log, kind).response
    is_multi = kind == "multi_inference_log"
    specs = [task.model_spec for task in request.tasks] if is_multi else [request.model_spec]
    return {
        "kind": kind,
        "answered": [log.log_metadata.model_spec.name, log.log_metadata.model_spec.version.value],
        "models": [[spec.name, spec.signature_name] for spec in specs],
        "x": [values(each.features.feature["x"]) for each in request.input.example_list.examples],
        "results": [rows(result) for result in (response.results if is_multi else [response.result])],
    }


def main() -> None:
    """Prints what the files say."""
    prediction_log = load_messages()["tensorflow.serving.PredictionLog"]
    for path in sys.argv[1:]:
        for data in records(path):
            print(json.dumps(describe(prediction_log.FromString(data))))


if __name__ == "__main__":
    main()
