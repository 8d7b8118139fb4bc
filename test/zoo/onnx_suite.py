"""The backend suite of the onnx package, as folders that Pillion serves and inputs that TypeScript reads.

    python onnx_suite.py DIRECTORY

    DIRECTORY/first/NAME/1/model.onnx    the model as it is
    DIRECTORY/rows/NAME/1/model.onnx     the same with dim 0 of every input and output free; only if all have one
    DIRECTORY/cases.json                 [{name, sets: [[{name, dtype, shape, data}]]} or {name, unread: reason}]

`data` is base64 of the little-endian elements; of strings, a list of texts.
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
SETS = ["node", "simple", "pytorch-converted", "pytorch-operator"]
DTYPES = {
    TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64", TensorProto.FLOAT16: "float16",
    TensorProto.INT8: "int8", TensorProto.INT16: "int16", TensorProto.INT32: "int32", TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8", TensorProto.UINT16: "uint16", TensorProto.UINT32: "uint32",
    TensorProto.UINT64: "uint64", TensorProto.BOOL: "bool", TensorProto.STRING: "string",
}  # fmt: skip


def values(graph):
    """The inputs that a caller gives: initializers may be listed as inputs too."""
    given = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in given]


def tensor_entry(value, file):
    tensor = TensorProto()
    tensor.ParseFromString(file.read_bytes())
    dtype = DTYPES.get(tensor.data_type)
    if dtype is None:
        raise ValueError(f"an input of {TensorProto.DataType.Name(tensor.data_type).lower()}")
    array = numpy_helper.to_array(tensor)
    if dtype == "string":
        data = [x.decode() if isinstance(x, bytes) else str(x) for x in array.reshape(-1)]
    else:
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"name": value.name, "dtype": dtype, "shape": list(array.shape), "data": data}


def read_case(name, model, folder):
    inputs = values(model.graph)
    for value in inputs:
        if not value.type.HasField("tensor_type"):
            return {"name": name, "unread": f"an input is {value.type.WhichOneof('value').replace('_type', '')}"}
    sets = []
    for data in sorted(folder.glob("test_data_set_*")):
        files = [data / f"input_{i}.pb" for i in range(len(inputs))]
        try:
            sets.append([tensor_entry(value, file) for value, file in zip(inputs, files) if file.exists()])
        except ValueError as error:
            return {"name": name, "unread": str(error)}
    return {"name": name, "sets": sets}


def free_rows(model):
    """Frees dim 0 of every input and output; equal sizes get one name. False if one has no dims."""
    every = [*values(model.graph), *model.graph.output]
    for value in every:
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.HasField("shape") or len(tensor.shape.dim) == 0:
            return False
        size = tensor.shape.dim[0].dim_value
        tensor.shape.dim[0].Clear()
        # Sizes that differ are no batch: an exporter gives them names that differ.
        tensor.shape.dim[0].dim_param = f"n{size}"
    # Shapes of what is between them would contradict.
    del model.graph.value_info[:]
    return len(values(model.graph)) > 0


def write(model, directory):
    (directory / "1").mkdir(parents=True)
    onnx.save(model, directory / "1" / "model.onnx")


def main(out):
    cases = []
    for kind in SETS:
        for folder in sorted((DATA / kind).iterdir()):
            file = folder / "model.onnx"
            if not file.exists():
                continue
            name = folder.name
            model = onnx.load(file)
            write(model, out / "first" / name)
            cases.append(read_case(name, model, folder))
            if free_rows(model):
                write(model, out / "rows" / name)
    (out / "cases.json").write_text(json.dumps(cases))


main(Path(sys.argv[1]))
