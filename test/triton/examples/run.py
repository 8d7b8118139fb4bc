"""The calls of NVIDIA's client examples, by their names, to a running server with the models of models.ts.

    run.py HTTP_HOST:PORT GRPC_HOST:PORT NAME…

Prints a line of JSON for each: {"name": NAME, "failed": TEXT or null}. All in one process, as its imports take longest.
"""

from __future__ import annotations

import json
import sys

import images, infer, lookups, messages, sequences, shared  # noqa: E401, F401: they register theirs
from common import EXAMPLES, Hosts


def main() -> None:
    http, grpc, *names = sys.argv[1:]
    for name in names:
        failed = None
        try:
            EXAMPLES[name](Hosts(http, grpc))
        except Exception as error:  # noqa: BLE001: the next ones run all the same
            failed = f"{type(error).__name__}: {error}"
        print(json.dumps({"name": name, "failed": failed}), flush=True)


if __name__ == "__main__":
    main()
