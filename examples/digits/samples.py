"""Writes what the console's playground offers for the digits models. Needs nothing but Python; run it after train.py or
export_tensorflow.py, and before together.py.

    models/*/1/samples.json     [{name, inputs}], the first scan of each digit that the network reads right
    models/*/1/pillion.yaml     of TensorFlow's formats: the input's range and picture. That of digits is written by hand
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
# The name of the input, by model.
INPUTS = {"digits": "pixels", "digits_tensorflow": "pixels", "digits_tfjs": "pixels", "digits_layers": "hidden_input"}
WRITTEN_BY_HAND = "digits"
MODEL_FILE = """\
# For people who try the model: see docs/reference/signatures.md.
inputs:
  INPUT: { range: [0, 16], picture: [8, 8] }
samples: samples.json
"""


def samples(name: str) -> list[dict[str, object]]:
    """One scan of each digit, in the order of the digits."""
    scans = json.loads((HERE / "scans.json").read_text())
    answers = json.loads((HERE / "expected.json").read_text())
    found: dict[int, dict[str, object]] = {}
    for scan, answer in zip(scans, answers, strict=True):
        label = scan["label"]
        if answer["digit"] == label and label not in found:
            found[label] = {"name": f"a {label} ({scan['file']})", "inputs": {name: scan["pixels"]}}
    return [found[label] for label in sorted(found)]


def main() -> None:
    for model, name in INPUTS.items():
        version = MODELS / model / "1"
        (version / "samples.json").write_text("[\n" + ",\n".join(map(json.dumps, samples(name))) + "\n]\n")
        if model != WRITTEN_BY_HAND:
            (version / "pillion.yaml").write_text(MODEL_FILE.replace("INPUT", name))


if __name__ == "__main__":
    main()
