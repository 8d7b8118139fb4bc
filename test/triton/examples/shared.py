"""The calls of the examples with tensors in shared memory."""

from __future__ import annotations

import os
from contextlib import contextmanager

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
import tritonclient.utils.shared_memory as shm
from common import FIRST, ONES, WIDTH, Hosts, both, client_of, example, pair, refused, require, require_sums, texts_of
from tritonclient.utils import serialize_byte_tensor, serialized_byte_size, triton_to_np_dtype

ROW_BYTES = FIRST.nbytes


@contextmanager
def regions(client, sizes: dict[str, int]):
    """Registered regions of these names and sizes. None is left when it ends."""
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    made = {}
    try:
        for name, size in sizes.items():
            key = f"/pillion_example_{os.getpid()}_{name}"
            made[name] = shm.create_shared_memory_region(name, key, size)
            client.register_system_shared_memory(name, key, size)
        yield made
        status = client.get_system_shared_memory_status()
        names = {each["name"] for each in status} if isinstance(status, list) else set(status.regions)
        require("registered regions", names == set(sizes), names)
        client.unregister_system_shared_memory()
        require("mapped regions", len(shm.mapped_shared_memory_regions()) == len(sizes))
    finally:
        for handle in made.values():
            shm.destroy_shared_memory_region(handle)
    require("mapped regions in the end", shm.mapped_shared_memory_regions() == [])


def output_of(result, name: str, handle, offset: int = 0) -> np.ndarray:
    output = result.get_output(name)
    is_json = isinstance(output, dict)
    datatype, shape = (output["datatype"], output["shape"]) if is_json else (output.datatype, output.shape)
    return shm.get_contents_as_numpy(handle, triton_to_np_dtype(datatype), list(shape), offset=offset)


def two_halves(form, hosts: Hosts) -> None:
    """Both inputs in one region, and both outputs in another, behind one another."""
    sizes = {"output_data": 2 * ROW_BYTES, "input_data": 2 * ROW_BYTES}
    with client_of(form, hosts) as client, regions(client, sizes) as made:
        shm.set_shared_memory_region(made["input_data"], [FIRST.ravel()])
        shm.set_shared_memory_region(made["input_data"], [ONES.ravel()], offset=ROW_BYTES)
        inputs = [form.InferInput(f"INPUT{i}", [1, WIDTH], "INT32") for i in range(2)]
        outputs = both(form)
        for i in range(2):
            inputs[i].set_shared_memory("input_data", ROW_BYTES, offset=i * ROW_BYTES)
            outputs[i].set_shared_memory("output_data", ROW_BYTES, offset=i * ROW_BYTES)
        result = client.infer("simple", inputs, outputs=outputs)
        for i, wanted in enumerate((FIRST + ONES, FIRST - ONES)):
            found = output_of(result, f"OUTPUT{i}", made["output_data"], i * ROW_BYTES)
            require(f"OUTPUT{i}", np.array_equal(found, wanted), found)


def strings(form, hosts: Hosts) -> None:
    """Each output's region is exactly as large as it."""
    sent = [serialize_byte_tensor(texts_of(numbers)) for numbers in (FIRST, ONES)]
    wanted = [texts_of(FIRST + ONES), texts_of(FIRST - ONES)]
    sizes = [serialized_byte_size(each) for each in sent + [serialize_byte_tensor(each) for each in wanted]]
    names = ["input0_data", "input1_data", "output0_data", "output1_data"]
    with client_of(form, hosts) as client, regions(client, dict(zip(names, sizes, strict=True))) as made:
        inputs = [form.InferInput(f"INPUT{i}", [1, WIDTH], "BYTES") for i in range(2)]
        outputs = both(form)
        for i in range(2):
            shm.set_shared_memory_region(made[names[i]], [sent[i]])
            inputs[i].set_shared_memory(names[i], sizes[i])
            outputs[i].set_shared_memory(names[i + 2], sizes[i + 2])
        result = client.infer("simple_string", inputs, outputs=outputs)
        for i in range(2):
            found = output_of(result, f"OUTPUT{i}", made[names[i + 2]])
            require(f"OUTPUT{i}", found.ravel().tolist() == wanted[i].ravel().tolist(), found)


@example
def simple_http_shm_client(hosts: Hosts) -> None:
    two_halves(triton_http, hosts)


@example
def simple_grpc_shm_client(hosts: Hosts) -> None:
    two_halves(triton_grpc, hosts)


@example
def simple_http_shm_string_client(hosts: Hosts) -> None:
    strings(triton_http, hosts)


@example
def simple_grpc_shm_string_client(hosts: Hosts) -> None:
    strings(triton_grpc, hosts)


@example
def reuse_infer_objects_client(hosts: Hosts) -> None:
    """The same objects with shared memory, without it, and with it again."""
    names = ["output0_data", "output1_data", "input0_data", "input1_data"]
    for form in (triton_http, triton_grpc):
        with client_of(form, hosts) as client, regions(client, dict.fromkeys(names, ROW_BYTES)) as made:
            inputs, outputs = pair(form), both(form)
            for i, numbers in enumerate((FIRST, ONES)):
                shm.set_shared_memory_region(made[f"input{i}_data"], [numbers.ravel()])
            for is_shared in (True, False, True):
                for i, numbers in enumerate((FIRST, 2 * ONES)):
                    if is_shared:
                        inputs[i].set_shared_memory(f"input{i}_data", ROW_BYTES)
                        outputs[i].set_shared_memory(f"output{i}_data", ROW_BYTES)
                    else:
                        inputs[i].set_data_from_numpy(numbers)
                        outputs[i].unset_shared_memory()
                result = client.infer("simple", inputs, outputs=outputs)
                if not is_shared:
                    require_sums(result, 2 * ONES)
                    continue
                for i, wanted in enumerate((FIRST + ONES, FIRST - ONES)):
                    found = output_of(result, f"OUTPUT{i}", made[f"output{i}_data"])
                    require(f"shared OUTPUT{i}", np.array_equal(found, wanted), found)


def memory_of_a_gpu(form, hosts: Hosts) -> None:
    """The examples ask for memory of a GPU, which this server has nothing for: all but registering succeeds."""
    with client_of(form, hosts) as client:
        client.unregister_system_shared_memory()
        client.unregister_cuda_shared_memory()
        register = lambda: client.register_cuda_shared_memory("output0_data", b"AAAA", 0, ROW_BYTES)  # noqa: E731
        refused("memory of a GPU", register, "no shared memory of GPUs")
        status = client.get_cuda_shared_memory_status()
        require("no regions", len(status if isinstance(status, list) else status.regions) == 0, status)
        client.unregister_cuda_shared_memory()


@example
def simple_http_cudashm_client(hosts: Hosts) -> None:
    memory_of_a_gpu(triton_http, hosts)


@example
def simple_grpc_cudashm_client(hosts: Hosts) -> None:
    memory_of_a_gpu(triton_grpc, hosts)
