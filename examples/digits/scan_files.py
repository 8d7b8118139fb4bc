"""Writes the held-out scans that the demo sends, and the answers it must get back.

    scans/NN.png    the scan as an 8x8 grayscale picture; a pixel v of 0..16 is stored as v * 255 / 16, rounded, so
                    that round(stored * 16 / 255) gives v back exactly
    scans.json      [{file, label, pixels}], the pixels row by row as 0..16: the model's input
    expected.json   [{file, digit, probabilities}], ONNX Runtime's answer for each; every probability is a float32
                    written out as the equal float64, so a parsed number equals the float32 to the last bit

The scans are the first SCAN_COUNT of the test part, in its order, read right or not.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

# Before the import: its telemetry is off unless whoever runs this asks for it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime  # noqa: E402

HERE = Path(__file__).resolve().parent
SCANS_FILE = HERE / "scans.json"
EXPECTED_FILE = HERE / "expected.json"
SCAN_COUNT = 24
SIDE = 8


def write_scans(pixels: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> None:
    """Writes the pictures and scans.json from the test part."""
    (HERE / "scans").mkdir(exist_ok=True)
    entries = []
    for index in range(SCAN_COUNT):
        scan = [int(value) for value in pixels[index]]
        file = f"scans/{index:02}.png"
        (HERE / file).write_bytes(png(scan))
        entries.append({"file": file, "label": int(labels[index]), "pixels": scan})
    write_lines(SCANS_FILE, entries)


def write_expected(model: Path) -> None:
    """Runs the scans of scans.json as one batch and writes expected.json."""
    scans = json.loads(SCANS_FILE.read_text())
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    batch = np.array([scan["pixels"] for scan in scans], np.float32)
    digits, probabilities = session.run(["digit", "probabilities"], {"pixels": batch})
    answers = zip(scans, digits.tolist(), probabilities.tolist(), strict=True)
    write_lines(
        EXPECTED_FILE,
        ({"file": scan["file"], "digit": digit, "probabilities": row} for scan, digit, row in answers),
    )


def write_lines(path: Path, entries: Iterable[dict[str, object]]) -> None:
    """Writes a JSON array with one entry per line."""
    path.write_text("[\n" + ",\n".join(map(json.dumps, entries)) + "\n]\n")


def png(scan: list[int]) -> bytes:
    """Encodes one scan, uncompressed so that the bytes do not depend on the zlib at hand."""
    gray = bytes(round(value * 255 / 16) for value in scan)
    rows = b"".join(b"\0" + gray[start : start + SIDE] for start in range(0, len(gray), SIDE))  # \0: no row filter
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)  # 8 bits per pixel, grayscale
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Frames one PNG chunk: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
