"""Requests and answers against the schemas that an OpenAPI 3.1 document has for their paths.

    validate_calls.py FILE        {"document": …, "calls": [{"path", "request", "answer"}, …]}; a line for each value
"""

import json
import sys

from jsonschema import Draft202012Validator

JSON = "application/json"
given = json.load(open(sys.argv[1], encoding="utf-8"))
document = given["document"]


def check(path, part, value, content):
    # Refs point into the document.
    schema = {**content[JSON]["schema"], "components": document["components"]}
    problems = [each.message for each in Draft202012Validator(schema).iter_errors(value)]
    print(path, part, "; ".join(problems) or "as described")


for call in given["calls"]:
    operation = document["paths"][call["path"]]["post"]
    check(call["path"], "request", call["request"], operation["requestBody"]["content"])
    check(call["path"], "answer", call["answer"], operation["responses"]["200"]["content"])
