"""The calls of the examples that classify images. The images are of one colour each, so that it is the answer."""

from __future__ import annotations

import queue
import struct

import grpc
import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.model_config_pb2 as model_config
import tritonclient.http as triton_http
from common import WAIT_S, Hosts, client_of, example, require
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import deserialize_bytes_tensor

COLOURS = {"red": (250, 10, 20), "green": (5, 200, 30), "blue": (9, 8, 180)}
ENSEMBLE = "preprocess_inception_ensemble"


def bitmap(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> bytes:
    """A file of Windows' form, 24 bits a pixel."""
    red, green, blue = colour
    pixels = bytes((blue, green, red)) * (width * height)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54) + head + pixels


class Classifier:
    """How a model wants its image, as its metadata and its configuration say."""

    def __init__(self, metadata: dict, config: dict) -> None:
        require("one input and one output", len(metadata["inputs"]) == len(metadata["outputs"]) == 1, metadata)
        require("FP32", metadata["outputs"][0]["datatype"] == "FP32", metadata)
        self.input, self.output = metadata["inputs"][0]["name"], metadata["outputs"][0]["name"]
        self.has_batch = int(config.get("max_batch_size", 0)) > 0
        shape = [int(dim) for dim in metadata["inputs"][0]["shape"]][1 if self.has_batch else 0 :]
        require("three dims", len(shape) == 3, shape)
        layout = config["input"][0]["format"]
        require("a format", layout in model_config.ModelInput.Format.keys(), layout)
        self.is_first = layout == "FORMAT_NCHW"
        self.size = shape[1:] if self.is_first else shape[:2]

    def images(self, names: list[str]) -> np.ndarray:
        """Each is of the colour of its name."""
        filled = [np.tile(np.float32(COLOURS[name]), (*self.size, 1)) for name in names]
        ordered = [image.transpose(2, 0, 1) if self.is_first else image for image in filled]
        return np.stack(ordered) if self.has_batch else ordered[0]


def require_classes(found: np.ndarray, names: list[str], classes: int, has_batch: bool) -> None:
    """Each is VALUE:INDEX:LABEL, the largest first."""
    rows = found if has_batch else [found]
    require("rows", len(rows) == len(names), found)
    for row, name in zip(rows, names, strict=True):
        parts = [text.decode().split(":") for text in row]
        require(f"classes of {name}", len(parts) == classes and parts[0][2] == name, parts)
        values = [float(part[0]) for part in parts]
        require("the largest first", values == sorted(values, reverse=True) and values[0] == max(COLOURS[name]), values)


def classifier_of(client, model: str) -> Classifier:
    if isinstance(client, triton_http.InferenceServerClient):
        return Classifier(client.get_model_metadata(model), client.get_model_config(model))
    config = client.get_model_config(model, as_json=True)["config"]
    return Classifier(client.get_model_metadata(model, as_json=True), config)


def ask_in_turn(form, client, model: str, wanted: Classifier, asked: list[list[str]]) -> list:
    return [client.infer(**arguments(form, model, wanted, names)) for names in asked]


def arguments(form, model: str, wanted: Classifier, names: list[str]) -> dict:
    images = wanted.images(names)
    sent = form.InferInput(wanted.input, list(images.shape), "FP32")
    sent.set_data_from_numpy(images)
    outputs = [form.InferRequestedOutput(wanted.output, class_count=len(COLOURS))]
    rest = {"outputs": outputs, "request_id": ",".join(names), "model_version": ""}
    return {"model_name": model, "inputs": [sent], **rest}


def ask_together(form, client, model: str, wanted: Classifier, asked: list[list[str]], is_stream: bool = False) -> list:
    done: queue.Queue = queue.Queue()
    callback = lambda result, error: done.put((result, error))  # noqa: E731
    pending = []
    if is_stream:
        client.start_stream(callback)
    for names in asked:
        call = arguments(form, model, wanted, names)
        if is_stream:
            client.async_stream_infer(**call)
        elif form is triton_grpc:
            client.async_infer(callback=callback, **call)
        else:
            pending.append(client.async_infer(**call))
    if pending:
        return [each.get_result() for each in pending]
    if is_stream:
        client.stop_stream()
    answers = [done.get(timeout=WAIT_S) for _ in asked]
    require("no errors", all(error is None for _, error in answers), answers)
    return [result for result, _ in answers]


@example
def image_client(hosts: Hosts) -> None:
    for model, rows in (("densenet_onnx", 1), ("colours", 1), ("colours", 3)):
        asked = [[name] for name in COLOURS] if rows == 1 else [list(COLOURS)]
        for form in (triton_http, triton_grpc):
            with client_of(form, hosts, **({"concurrency": 20} if form is triton_http else {})) as client:
                wanted = classifier_of(client, model)
                answers = ask_in_turn(form, client, model, wanted, asked)
                answers += ask_together(form, client, model, wanted, asked)
                if form is triton_grpc:
                    answers += ask_together(form, client, model, wanted, asked, is_stream=True)
                for result in answers:
                    head = result.get_response()
                    names = (head["id"] if isinstance(head, dict) else head.id).split(",")
                    require_classes(result.as_numpy(wanted.output), names, len(COLOURS), wanted.has_batch)


@example
def grpc_image_client(hosts: Hosts) -> None:
    """By the messages themselves: one after the other, all at once, and on a stream."""
    with grpc.insecure_channel(hosts.grpc) as channel, client_of(triton_grpc, hosts) as client:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for model in ("densenet_onnx", "colours"):
            wanted = classifier_of(client, model)
            requests = [image_request(model, wanted, name) for name in COLOURS]
            responses = [stub.ModelInfer(request) for request in requests]
            pending = [stub.ModelInfer.future(request) for request in requests]
            responses += [each.result() for each in pending]
            for message in stub.ModelStreamInfer(iter(requests)):
                require("no error", message.error_message == "", message.error_message)
                responses.append(message.infer_response)
            require("answers", len(responses) == 3 * len(COLOURS), len(responses))
            for response in responses:
                (output,) = response.outputs
                texts = deserialize_bytes_tensor(response.raw_output_contents[0]).reshape(list(output.shape))
                require_classes(texts, [response.id], len(COLOURS), wanted.has_batch)


def image_request(model: str, wanted: Classifier, name: str) -> service_pb2.ModelInferRequest:
    images = wanted.images([name])
    request = service_pb2.ModelInferRequest(model_name=model, id=name, raw_input_contents=[images.tobytes()])
    request.inputs.add(name=wanted.input, datatype="FP32", shape=images.shape)
    output = request.outputs.add(name=wanted.output)
    output.parameters["classification"].int64_param = len(COLOURS)
    return request


@example
def ensemble_image_client(hosts: Hosts) -> None:
    """An image's file as it is: the ensemble's first model reads it."""
    for form in (triton_http, triton_grpc):
        with client_of(form, hosts) as client:
            metadata = client.get_model_metadata(ENSEMBLE, **({} if form is triton_http else {"as_json": True}))
            outputs = [form.InferRequestedOutput(each["name"], class_count=2) for each in metadata["outputs"]]
            for name, colour in COLOURS.items():
                file = np.array([[bitmap(colour)]], np.object_)
                sent = form.InferInput(metadata["inputs"][0]["name"], [1, 1], "BYTES")
                sent.set_data_from_numpy(file)
                found = client.infer(ENSEMBLE, [sent], outputs=outputs).as_numpy("OUTPUT")
                require_classes(found, [name], 2, True)
