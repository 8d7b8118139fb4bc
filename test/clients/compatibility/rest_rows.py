"""Predict over REST: paths, bodies, both formats, JSON's values and the answers' form."""

from __future__ import annotations

import gzip
import math

from .row import Section, check
from .surfaces import Answer, Sidecar

PATHS = Section("Paths and methods (REST)")
BODY = Section("The predict body (REST)")
ROWS = Section("Row format: instances (REST)")
COLUMNS = Section("Columnar format: inputs (REST)")
VALUES = Section("JSON values (REST)")
ANSWERS = Section("Predict's answer (REST)")

ONE = [[1, 2, 3, 4]]


def predict(path: str, body: object = None, method: str = "POST"):
    return lambda s: s.rest.send(method, path, {"instances": ONE} if body is None else body)


def get(path: str):
    return lambda s: s.rest.get(path)


PATHS.rest("predict, latest version", "200")(predict("/v1/models/float:predict"))
PATHS.rest("predict, by version", "200")(predict("/v1/models/float/versions/1:predict"))
PATHS.rest("predict, by label", "200")(predict("/v1/models/float/labels/stable:predict"))
PATHS.rest("predict, unknown model", "404")(predict("/v1/models/nobody:predict"))
PATHS.rest("predict, unknown version", "404")(predict("/v1/models/float/versions/99:predict"))
PATHS.rest("predict, unknown label", "400")(predict("/v1/models/float/labels/nobody:predict"))
PATHS.rest("a version over int64", "400")(predict("/v1/models/float/versions/9223372036854775808:predict"))
PATHS.rest("a model's name, percent-encoded", "200")(predict("/v1/models/%66loat:predict"))
PATHS.rest("the path in another case", "200")(predict("/V1/MODELS/float:predict"))
PATHS.rest("the verb in another case", "400", "404", "there is no such path")(predict("/v1/models/float:PREDICT"))
PATHS.rest("a slash at the end", "400", "404", "there is no such path")(predict("/v1/models/float:predict/"))
PATHS.rest("a query string", "400", "200", "it is left aside")(predict("/v1/models/float:predict?x=1"))
PATHS.rest("GET on :predict", "400", "405", "it says which method to use")(
    lambda s: s.rest.get("/v1/models/float:predict")
)
PATHS.rest("POST on a status", "400", "405", "it says which method to use")(predict("/v1/models/float"))
PATHS.rest("another path", "404")(get("/v2/nothing"))
PATHS.rest("an unknown path under /v1", "400", "404", "there is no such path")(get("/v1/nothing"))
PATHS.rest("Prometheus' metrics", "200")(get("/monitoring/prometheus/metrics"))

BODY.rest("an empty body", "400")(predict("/v1/models/float:predict", b""))
BODY.rest("no JSON", "400")(predict("/v1/models/float:predict", "{nope"))
BODY.rest("bad JSON to an unknown model: the JSON is looked at first", "400")(predict("/v1/models/nobody:predict", "{"))
BODY.rest("JSON that is no object", "400")(predict("/v1/models/float:predict", "[1]"))
BODY.rest("neither instances nor inputs", "400")(predict("/v1/models/float:predict", {}))
BODY.rest("both instances and inputs", "400")(predict("/v1/models/float:predict", {"instances": ONE, "inputs": ONE}))
BODY.rest("signature_name that is no string", "400")(
    predict("/v1/models/float:predict", {"signature_name": 1, "instances": ONE})
)
BODY.rest("unknown signature_name", "400")(
    predict("/v1/models/float:predict", {"signature_name": "nobody", "instances": ONE})
)
BODY.rest("unknown keys beside them are ignored", "200")(
    predict("/v1/models/float:predict", {"context": {"deep": [[[]]]}, "instances": ONE})
)
BODY.rest("a byte order mark in front", "200")(
    predict("/v1/models/float:predict", b"\xef\xbb\xbf" + b'{"instances": [[1,2,3,4]]}')
)
BODY.rest("text after the JSON", "200", "400", "what follows was meant to say something")(
    predict("/v1/models/float:predict", '{"instances": [[1,2,3,4]]} and more')
)
BODY.rest("a comma too many", "400")(predict("/v1/models/float:predict", '{"instances": [[1,2,3,4],]}'))


@BODY.rest("any Content-Type", "200")
def _(s: Sidecar) -> Answer:
    return s.rest.predict("float", {"instances": ONE}, {"Content-Type": "text/plain"})


@BODY.rest("Content-Encoding: gzip", "200")
def _(s: Sidecar) -> Answer:
    body = gzip.compress(b'{"instances": [[1,2,3,4]]}')
    return s.rest.predict("float", body, {"Content-Encoding": "gzip"})


@BODY.rest("errors are {\"error\": text}, and JSON", "404")
def _(s: Sidecar) -> Answer:
    answer = s.rest.predict("nobody", {"instances": ONE})
    check(list(answer.reply) == ["error"] and answer.headers["content-type"] == "application/json", answer)
    return answer


def rows(model: str, instances: object, want: object = None):
    def act(s: Sidecar) -> Answer:
        answer = s.rest.predict(model, {"instances": instances})
        check(want is None or answer.reply.get("predictions") == want, answer)
        return answer

    return act


def columns(model: str, inputs: object, want: object = None):
    def act(s: Sidecar) -> Answer:
        answer = s.rest.predict(model, {"inputs": inputs})
        check(want is None or answer.reply.get("outputs") == want, answer)
        return answer

    return act


PAIR = {"a": [1.5, 2.5], "b": [3, 4]}

ROWS.rest("a list of rows: a list of predictions", "200")(rows("float", ONE * 2, [[1.0, 2.0, 3.0, 4.0]] * 2))
ROWS.rest("rows as objects of one input", "200")(rows("float", [{"x": ONE[0]}], [[1.0, 2.0, 3.0, 4.0]]))
ROWS.rest("rows as objects; several outputs are objects too", "200")(
    rows("pair", [PAIR], [{"sum": [1.5, 2.5], "count": [3, 4]}])
)
ROWS.rest("not a list", "400")(rows("float", {"x": ONE}))
ROWS.rest("an empty list", "400")(rows("float", []))
ROWS.rest("plain rows for several inputs", "400")(rows("pair", [[1, 2]]))
ROWS.rest("a row that is an object among lists", "400")(rows("float", [[1, 2, 3, 4], {"x": [1, 2, 3, 4]}]))
ROWS.rest("a row that is a list among objects", "400")(rows("pair", [PAIR, [1, 2]]))
ROWS.rest("a key is missing in a row", "400")(rows("pair", [{"a": [1, 2]}]))
ROWS.rest("a key too many in a row", "400")(rows("pair", [{**PAIR, "c": [1]}]))
ROWS.rest("rows of different sizes", "400")(rows("float", [[1, 2, 3, 4], [1, 2, 3]]))
ROWS.rest("rows of different shapes", "400")(rows("float", [[1, 2, 3, 4], [[1, 2], [3, 4]]]))

COLUMNS.rest("the value itself for a single input", "200")(columns("float", ONE, [[1.0, 2.0, 3.0, 4.0]]))
COLUMNS.rest("an object of names", "200")(columns("float", {"x": ONE}, [[1.0, 2.0, 3.0, 4.0]]))
COLUMNS.rest("several outputs are an object", "200")(
    columns("pair", {"a": [[1, 2]], "b": [[3, 4]]}, {"sum": [[1.0, 2.0]], "count": [[3, 4]]})
)
COLUMNS.rest("a plain value for several inputs", "400")(columns("pair", [[1, 2]]))
COLUMNS.rest("a name is missing", "400")(columns("pair", {"a": [[1, 2]]}))
COLUMNS.rest("a name too many", "200", "400", "a misspelt name would go unseen")(columns("float", {"x": ONE, "z": ONE}))
COLUMNS.rest("a signature whose dim 0 is no batch", "200")(columns("whole", [[1, 2], [3, 4]], [[1.0, 3.0], [2.0, 4.0]]))
COLUMNS.rest("a list where a number stood before", "400")(columns("float", [[1, 2, [3], 4]]))
COLUMNS.rest("a number where a list stood before", "400")(columns("float", [[1, 2, 3, 4], 5]))


def value(model: str, body: str, want: object = None):
    def act(s: Sidecar) -> Answer:
        answer = s.rest.predict(model, body)
        check(want is None or answer.reply.get("outputs") == want, answer)
        return answer

    return act


def inputs(*values: str) -> str:
    return f'{{"inputs": [[{", ".join(values)}]]}}'


VALUES.rest("float: any JSON number", "200")(value("float", inputs("1", "2.5", "-3e2", "0.1"), [[1.0, 2.5, -300.0, 0.1]]))
VALUES.rest("float: a string", "400")(value("float", inputs('"1"', "2", "3", "4")))
VALUES.rest("float: null", "400")(value("float", inputs("null", "2", "3", "4")))
VALUES.rest("float: true", "400")(value("float", inputs("true", "2", "3", "4")))
VALUES.rest("a number that no double holds", "400")(value("float", inputs("1e400", "2", "3", "4")))
VALUES.rest("nan in lower case", "400")(value("float", inputs("nan", "2", "3", "4")))
VALUES.rest("int32: 1.0 is none", "400")(value("int32", inputs("1.0", "2")))
VALUES.rest("int32: 1e2 is none", "400")(value("int32", inputs("1e2", "2")))
VALUES.rest("int32: beyond its range", "400")(value("int32", inputs("2147483648", "2")))
VALUES.rest("uint8: 300 wraps", "200")(value("uint8", inputs("300", "2"), [[44, 2]]))
VALUES.rest("bool: true and false alone", "200")(value("bool", inputs("true", "false"), [[True, False]]))
VALUES.rest("bool: 1", "400")(value("bool", inputs("1", "0")))
VALUES.rest("string: a number", "400")(value("string", inputs("1", '"a"')))
VALUES.rest("string: {\"b64\": …}, without padding too", "200")(
    value("string", inputs('{"b64": "aGk="}', '{"b64": "aGk"}'), [["hi", "hi"]])
)
VALUES.rest("b64 with url-safe letters", "400")(value("string", inputs('{"b64": "_-8="}', '"a"')))
VALUES.rest("string: an object that is no b64", "400")(value("string", inputs('{"c": "aGk="}', '"a"')))


@VALUES.rest("int64: exact, beyond what a double holds", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.predict("int64", inputs("9223372036854775807", "-9223372036854775808"))
    check(answer.reply["outputs"] == [[9223372036854775807, -9223372036854775808]], answer.reply)
    return answer


@VALUES.rest("NaN, Infinity, -Infinity are bare tokens both ways", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.predict("float", inputs("NaN", "Infinity", "-Infinity", "0"))
    [row] = answer.reply["outputs"]
    check(math.isnan(row[0]) and row[1:3] == [math.inf, -math.inf], row)
    return answer


@VALUES.rest("float: a double beyond its range is infinite", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.predict("float", inputs("1e300", "-1e300", "0", "0"))
    check(answer.reply["outputs"][0][:2] == [math.inf, -math.inf], answer.reply)
    return answer


@ANSWERS.rest("Content-Type: application/json", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.predict("float", {"instances": ONE})
    check(answer.headers["content-type"] == "application/json", answer.headers)
    return answer


@ANSWERS.rest("floats read back to the same float32", "200")
def _(s: Sidecar) -> Answer:
    answer = s.rest.predict("float", inputs("0.1", "16777217", "1e-45", "3.4028235e38"))
    want = [0.1, 16777216.0, 1e-45, 3.4028235e38]
    check(answer.reply["outputs"] == [want], answer.reply)
    return answer
