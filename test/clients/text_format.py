"""Reads texts with protobuf's own text format.

stdin: {"files": [base64 of FileDescriptorProto, imports first], "texts": [{"type": ..., "text": ...}]}
stdout: a list with, for each text, the base64 of the message or null if it was refused.
"""

import base64
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format


def main() -> None:
    asked = json.load(sys.stdin)
    pool = descriptor_pool.DescriptorPool()
    for file in asked["files"]:
        pool.Add(descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(file)))
    answers = []
    for each in asked["texts"]:
        message = message_factory.GetMessageClass(pool.FindMessageTypeByName(each["type"]))()
        try:
            text_format.Parse(each["text"].encode(), message)
            answers.append(base64.b64encode(message.SerializeToString(deterministic=True)).decode())
        except (text_format.ParseError, UnicodeDecodeError):
            answers.append(None)
    json.dump(answers, sys.stdout)


main()
