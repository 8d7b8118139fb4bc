"""Drives every row against a running sidecar, and holds docs/reference/compatibility.md against what was seen.

    python -m compatibility GRPC_TARGET REST_URL MODELS_DIRECTORY DOCUMENT [--write]

Ends with status 0 when every row answered as it says and the document's tables are these rows; else with 1 and every
difference. --write puts the tables into the document.
"""

from __future__ import annotations

import sys
from pathlib import Path

from . import config_rows, inference_rows, info_rows, predict_rows, rest_more_rows, rest_rows
from .document import render, replace
from .row import Row, Section
from .surfaces import Grpc, Rest, Sidecar

SECTIONS: list[Section] = [
    predict_rows.SPEC,
    predict_rows.INPUTS,
    predict_rows.TENSORS,
    inference_rows.CLASSIFY,
    inference_rows.REGRESS,
    inference_rows.MULTI,
    inference_rows.EXAMPLES,
    inference_rows.DEFAULTS,
    info_rows.INFO,
    rest_rows.PATHS,
    rest_rows.BODY,
    rest_rows.ROWS,
    rest_rows.COLUMNS,
    rest_rows.VALUES,
    rest_rows.ANSWERS,
    rest_more_rows.MORE,
    config_rows.CONFIG,
]


def fault_of(row: Row, sidecar: Sidecar) -> str | None:
    """What is wrong with the row, or None."""
    try:
        answer = row.act(sidecar)
    except AssertionError as error:
        return f"{row.surface}, {row.section}, {row.case}: {error}"
    if answer.status != row.expected:
        return f"{row.surface}, {row.section}, {row.case}: {answer.status} instead of {row.expected}: {answer.text}"
    if answer.status not in ("OK", "200") and answer.text == "" and answer.reply is not None:
        return f"{row.surface}, {row.section}, {row.case}: an error without a text"
    return None


def main(target: str, url: str, models: str, document: Path, is_written: bool) -> int:
    sidecar = Sidecar(Grpc(target), Rest(url), models)
    rows = [row for section in SECTIONS for row in section.rows]
    faults = [fault for row in rows if (fault := fault_of(row, sidecar)) is not None]
    text = document.read_text(encoding="utf-8")
    updated = replace(text, render(SECTIONS))
    if is_written:
        document.write_text(updated, encoding="utf-8")
    elif updated != text:
        faults.append(f"{document} does not hold these rows; npm run gen -- compatibility writes them")
    for fault in faults:
        print(fault)
    print(f"{len(rows)} rows, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    sys.exit(main(*arguments[:3], Path(arguments[3]), "--write" in sys.argv))
