"""unpack.py WHEEL FOLDER: libtensorflow and the headers of its C API, out of the wheel, as FOLDER/lib and FOLDER/include."""

import os
import re
import shutil
import sys
import zipfile

LIBRARIES = re.compile(r"tensorflow/(libtensorflow_(?:cc|framework)\.so\.2)$")
HEADERS = re.compile(
    r"tensorflow/include/((?:tensorflow/c|xla/tsl/c)/.*\.h|(?:tensorflow/core|tsl)/platform/ctstring.*\.h)$"
)

wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        library, header = LIBRARIES.match(name), HEADERS.match(name)
        if library:
            path = os.path.join(folder, "lib", library.group(1))
        elif header:
            path = os.path.join(folder, "include", header.group(1))
        else:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
