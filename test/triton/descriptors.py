"""Writes tritonclient's descriptors of the service and all that it uses to standard output, as a FileDescriptorSet."""

from __future__ import annotations

import sys

from google.protobuf import descriptor_pb2
from tritonclient.grpc import service_pb2


def main() -> None:
    """Files before those that import them."""
    files = descriptor_pb2.FileDescriptorSet()
    seen: set[str] = set()

    def add(file: object) -> None:
        if file.name in seen:
            return
        seen.add(file.name)
        for imported in file.dependencies:
            add(imported)
        file.CopyToProto(files.file.add())

    add(service_pb2.DESCRIPTOR)
    sys.stdout.buffer.write(files.SerializeToString())


main()
