"""Puts the artifacts of digits, all of the same weights, into one version directory.

    python3 examples/digits/together.py     needs nothing but Python; run it after samples.py

    models/digits_runtimes/1/    model.onnx, pillion.yaml and samples.json, saved_model.pb with its variables, model.json
                                 with its shard
"""

import shutil
from pathlib import Path

MODELS = Path(__file__).resolve().parent / "models"
# The last one's pillion.yaml stays: it has the signature of the ONNX model.
SOURCES = ("digits_tensorflow", "digits_tfjs", "digits")


def main() -> None:
    together = MODELS / "digits_runtimes" / "1"
    shutil.rmtree(together, ignore_errors=True)
    for name in SOURCES:
        shutil.copytree(MODELS / name / "1", together, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
