"""Sends a running sidecar requests that are right, in every form: each answer must be as /openapi.json says, and
hold what was sent, bit by bit.

    valid_requests.py URL

The sidecar serves `kinds`: one input a dtype, of shape [rows, 2], each with an output that is equal to it. Ends with
status 0, or with the smallest request that failed and status 1.
"""

from __future__ import annotations

import json
import struct
import sys

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COLUMNS = 2
LENGTH = "Inference-Header-Content-Length"


def integers(bits: int, signed: bool) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, low + 2**bits - 1)


# What stands for itself in Python's JSON; the runtime's strings hold no NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)

# By datatype: a letter of `struct`, and the values. FP16 has no form in JSON.
DATATYPES = {
    "BOOL": ("?", st.booleans()),
    **{f"INT{bits}": (code, integers(bits, True)) for bits, code in zip((8, 16, 32, 64), "bhiq")},
    **{f"UINT{bits}": (code, integers(bits, False)) for bits, code in zip((8, 16, 32, 64), "BHIQ")},
    "FP16": ("e", st.floats(width=16, allow_nan=False)),
    "FP32": ("f", st.floats(width=32, allow_nan=False)),
    "FP64": ("d", st.floats(allow_nan=False)),
    "BYTES": ("", TEXT),
}


def packed(datatype: str, values: list) -> bytes:
    """The elements as binary tensor data."""
    if datatype == "BYTES":
        parts = [text.encode() for text in values]
        return b"".join(struct.pack("<I", len(part)) + part for part in parts)
    return struct.pack(f"<{len(values)}{DATATYPES[datatype][0]}", *values)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[int, dict[str, list]]:
    """Rows, and values of one tensor a datatype."""
    rows = draw(st.integers(1, 3))
    lists = {name: st.lists(each, min_size=rows * COLUMNS, max_size=rows * COLUMNS) for name, (_, each) in DATATYPES.items()}
    return rows, {name: draw(each) for name, each in lists.items()}


@st.composite
def requests(draw: st.DrawFn) -> tuple[dict, bytes, dict[str, list]]:
    """The JSON of an infer request, what is behind it, and the values that it asks for, by datatype."""
    rows, values = draw(tensors())
    inputs, tail = [], b""
    for datatype, data in values.items():
        tensor = {"name": datatype.lower(), "shape": [rows, COLUMNS], "datatype": datatype}
        if datatype == "FP16" or draw(st.booleans()):
            raw = packed(datatype, data)
            tensor["parameters"] = {"binary_data_size": len(raw)}
            tail += raw
        else:
            tensor["data"] = by_row(data) if draw(st.booleans()) else data
        inputs.append(tensor)
    request = {"inputs": inputs, "parameters": {"priority": draw(st.integers(0, 5))}}
    if draw(st.booleans()):
        request["id"] = draw(TEXT)
    wishes = draw(st.lists(st.sampled_from(list(DATATYPES)), unique=True))
    if not wishes:
        request["parameters"]["binary_data_output"] = True
        return request, tail, values
    forms = {each: each == "FP16" or draw(st.booleans()) for each in wishes}
    request["outputs"] = [{"name": f"{each.lower()}_out", "parameters": {"binary_data": forms[each]}} for each in wishes]
    return request, tail, {each: values[each] for each in wishes}


def by_row(values: list) -> list[list]:
    return [values[i : i + COLUMNS] for i in range(0, len(values), COLUMNS)]


def outputs_of(response: schemathesis.Response) -> dict[str, list]:
    """The values of an answer, by datatype."""
    length = response.headers.get(LENGTH.lower())
    size = len(response.content) if length is None else int(length[0])
    answer = json.loads(response.content[:size])
    tail, at, values = response.content[size:], 0, {}
    for output in answer["outputs"]:
        datatype = output["datatype"]
        if "data" in output:
            values[datatype] = output["data"]
            continue
        raw = tail[at : at + output["parameters"]["binary_data_size"]]
        at += len(raw)
        values[datatype] = unpacked(datatype, raw)
    if at != len(tail):
        raise AssertionError(f"{len(tail) - at} bytes are left behind the tensors")
    return values


def unpacked(datatype: str, raw: bytes) -> list:
    if datatype != "BYTES":
        return [value for (value,) in struct.iter_unpack(f"<{DATATYPES[datatype][0]}", raw)]
    values = []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        values.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return values


def check_infer(schema: schemathesis.BaseSchema, path: str, names: dict[str, str], examples: int) -> None:
    operation = schema[path]["POST"]

    @usual(examples)
    @given(requests())
    def infer(drawn: tuple[dict, bytes, dict[str, list]]) -> None:
        request, tail, wanted = drawn
        text = json.dumps(request).encode()
        headers = {LENGTH: str(len(text))}
        form = {"path_parameters": names, "headers": headers, "media_type": "application/octet-stream"}
        response = operation.Case(body=text + tail, **form).call_and_validate()
        assert response.status_code == 200, response.text
        got = outputs_of(response)
        assert set(got) == set(wanted) and ("outputs" not in request or list(got) == list(wanted)), list(got)
        for datatype, values in wanted.items():
            assert packed(datatype, got[datatype]) == packed(datatype, values), (datatype, got[datatype], values)

    infer()
    print(f"as described: {examples} requests to {path}")


def check_predict(schema: schemathesis.BaseSchema, path: str, names: dict[str, str], examples: int) -> None:
    """The same model over TensorFlow Serving's API, by rows and by columns."""
    operation = schema[path]["POST"]

    @usual(examples)
    @given(tensors(), st.booleans())
    def predict(drawn: tuple[int, dict[str, list]], is_by_row: bool) -> None:
        rows, values = drawn
        columns = {name.lower(): by_row(data) for name, data in values.items()}
        instances = [{name: column[row] for name, column in columns.items()} for row in range(rows)]
        body = {"instances": instances} if is_by_row else {"inputs": columns}
        # Text, as `requests` writes no infinities.
        form = {"path_parameters": names, "media_type": "application/json"}
        response = operation.Case(body=json.dumps(body).encode(), **form).call_and_validate()
        assert response.status_code == 200, response.text
        assert list(response.json()) == ["predictions" if is_by_row else "outputs"]

    predict()
    print(f"as described: {examples} requests to {path}")


def usual(examples: int) -> settings:
    """Nothing is remembered from one run to the next."""
    return settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def main(url: str) -> None:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    check_infer(schema, "/v2/models/{model}/infer", {"model": "kinds"}, 150)
    check_infer(schema, "/v2/models/{model}/versions/{version}/infer", {"model": "kinds", "version": "1"}, 30)
    check_predict(schema, "/v1/models/{model}:predict", {"model": "kinds"}, 80)
    check_predict(schema, "/v1/models/{model}/versions/{version}:predict", {"model": "kinds", "version": "1"}, 30)


if __name__ == "__main__":
    main(*sys.argv[1:])
