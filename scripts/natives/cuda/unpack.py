"""unpack.py WHEEL FOLDER: the shared libraries in the wheel that Pillion uses, into FOLDER, under the names by which they are loaded."""

import os
import re
import shutil
import sys
import zipfile

# Other files of the wheels are Python's, TensorRT's, or variants: nvblas, cufftw and *.alt.so are loaded by nobody here.
WANTED = re.compile(
    r"(?:onnxruntime/capi|nvidia/[^/]+/lib)/(?P<name>"
    r"libonnxruntime\.so\.1(?=\.\d+\.\d+$)|libonnxruntime_providers_(?:cuda|shared)\.so"
    r"|lib(?:cudart|cublas|cublasLt|curand|cufft|nvJitLink|nvrtc)\.so\.\d+|libnvrtc-builtins\.so\.[\d.]+"
    r"|libcudnn(?:_\w+)?\.so\.\d+)(?:\.\d+\.\d+)?$"
)

wheel, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
found = 0
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        wanted = WANTED.match(entry.filename)
        if not wanted:
            continue
        path = os.path.join(folder, wanted.group("name"))
        with archive.open(entry) as source, open(path + ".part", "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        os.replace(path + ".part", path)
        found += 1
if found == 0:
    sys.exit(f"{wheel} has none of the libraries that are wanted")
