"""Embeddings of all-MiniLM-L6-v2 in plain numpy, from the weights: what a server of it must answer.

    python reference.py MODEL_FOLDER < TEXTS.json > VECTORS.json

Tokens are those of the official Python package. Every text is computed by itself, in float64.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

HEADS, LAYERS = 12, 6
erf = np.vectorize(math.erf)


def read_weights(path):
    """float32 tensors by name, as float64: the length of a JSON header, the header, and all bytes behind it."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    weights = {}
    for name, spec in json.loads(data[8:start]).items():
        if spec.get("dtype") != "F32":
            continue
        begin, end = spec["data_offsets"]
        values = np.frombuffer(data[start + begin : start + end], np.float32)
        weights[name] = values.reshape(spec["shape"]).astype(np.float64)
    return weights


def main():
    folder = Path(sys.argv[1])
    weights = read_weights(folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"])

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attend(x, name):
        query, key, value = (
            linear(x, f"{name}.self.{part}").reshape(len(x), HEADS, -1).swapaxes(0, 1) for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (powers / powers.sum(-1, keepdims=True)) @ value
        return norm(linear(mixed.swapaxes(0, 1).reshape(len(x), -1), f"{name}.output.dense") + x, f"{name}.output.LayerNorm")

    def embed(text):
        tokens = tokenizer.encode(text)
        tables = ("word", tokens.ids), ("token_type", tokens.type_ids), ("position", range(len(tokens.ids)))
        x = norm(sum(weights[f"embeddings.{table}_embeddings.weight"][list(rows)] for table, rows in tables), "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            x = attend(x, f"{name}.attention")
            wide = linear(x, f"{name}.intermediate.dense")
            x = norm(linear(wide * (1 + erf(wide / math.sqrt(2))) / 2, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")
        mean = x.mean(0)
        return (mean / np.linalg.norm(mean)).tolist()

    json.dump([embed(text) for text in json.load(sys.stdin)], sys.stdout)


main()
