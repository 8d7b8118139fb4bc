"""A post office that reads postal codes: a page, an API, and a model that a sidecar in front of it serves.

It asks the model at the address that its own clients have. What it asks for a request has that request's id and trace
with it: so the model's spans stand in the same trace, and the model gets no more time than the request has left.
"""

import itertools
import json
import os
import pathlib
import urllib.error
import urllib.request

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel, Field

HERE = pathlib.Path(__file__).parent
SCANS = json.loads((HERE.parent / "digits" / "scans.json").read_text())
SIDECAR = os.environ["SIDECAR"]
CARRIED = ("x-request-id", "traceparent", "tracestate")

app = FastAPI(title="Post office", docs_url=None, redoc_url=None)
codes_read = itertools.count()
last_count = 0


class Letter(BaseModel):
    """The digits on a letter, by the numbers of their scans."""

    scans: list[int] = Field(min_length=1, max_length=9)


@app.get("/")
def page() -> FileResponse:
    return FileResponse(HERE / "page.html")


@app.get("/scans")
def scans() -> list[list[int]]:
    return [scan["pixels"] for scan in SCANS]


@app.post("/codes")
def read_code(letter: Letter, request: Request) -> dict:
    if not all(0 <= number < len(SCANS) for number in letter.scans):
        raise HTTPException(404, f"there are scans 0 to {len(SCANS) - 1}")
    carried = {name: request.headers[name] for name in CARRIED if name in request.headers}
    answers = ask_model([SCANS[number]["pixels"] for number in letter.scans], carried)
    global last_count
    last_count = next(codes_read) + 1
    return {
        "code": "".join(str(answer["digit"]) for answer in answers),
        "sure": min(max(answer["probabilities"]) for answer in answers),
    }


def ask_model(rows: list[list[int]], headers: dict[str, str]) -> list[dict]:
    body = json.dumps({"instances": rows}).encode()
    asked = urllib.request.Request(f"{SIDECAR}/v1/models/digits:predict", body, headers)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)["predictions"]
    except urllib.error.HTTPError as refused:
        # The sidecar says when to come back, and so does this.
        later = refused.headers.get("retry-after")
        raise HTTPException(
            refused.code, json.load(refused)["error"], headers={"retry-after": later} if later else None
        ) from None


@app.get("/healthz")
def health() -> dict:
    return {"well": True}


@app.get("/metrics")
def metrics() -> PlainTextResponse:
    return PlainTextResponse(f"# TYPE postal_codes_read counter\npostal_codes_read_total {last_count}\n")
