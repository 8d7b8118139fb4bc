"""The calls of the examples that ask for sums, differences and strings."""

from __future__ import annotations

import asyncio
import queue

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as http_aio
from common import FIRST, ONES, WAIT_S, WIDTH, Hosts, both, client_of, example, pair, refused, require
from common import require_sums, tensor, texts_of

QUERY = {"test_1": 1, "test_2": 2}
CODINGS = (None, "gzip", "deflate")
REPETITIONS = 100


def http_question(form):
    """One tensor as JSON and one as bytes, both ways."""
    inputs = [tensor(form, "INPUT0", FIRST, binary_data=False), tensor(form, "INPUT1", -ONES, binary_data=True)]
    outputs = [form.InferRequestedOutput(f"OUTPUT{i}", binary_data=i == 0) for i in range(2)]
    return inputs, outputs


@example
def simple_http_infer_client(hosts: Hosts) -> None:
    with client_of(triton_http, hosts) as client:
        inputs, outputs = http_question(triton_http)
        for coding in CODINGS:
            how = {
                "query_params": QUERY,
                "headers": {"test": "1"},
                "request_compression_algorithm": coding,
                "response_compression_algorithm": coding,
            }
            require_sums(client.infer("simple", inputs, outputs=outputs, **how), -ONES)
            require_sums(client.infer("simple", inputs, outputs=None, **how), -ONES)
        statistics = client.get_inference_statistics(model_name="simple")
        require("statistics of one model", len(statistics["model_stats"]) == 1, statistics)
        ask = lambda: client.infer("wrong_model_name", inputs, outputs=outputs)  # noqa: E731
        error = refused("a wrong name", ask, "Request for unknown model")
        require("it begins so", error.message().startswith("Request for unknown model"), error.message())


@example
def simple_http_aio_infer_client(hosts: Hosts) -> None:
    async def run() -> None:
        client = http_aio.InferenceServerClient(hosts.http)
        inputs, outputs = http_question(http_aio)
        require_sums(await client.infer("simple", inputs, outputs=outputs, query_params=QUERY), -ONES)
        statistics = await client.get_inference_statistics(model_name="simple")
        require("statistics of one model", len(statistics["model_stats"]) == 1, statistics)
        named = client.infer("simple", inputs, outputs=outputs, query_params=QUERY)
        for result in await asyncio.gather(named, client.infer("simple", inputs, query_params=QUERY)):
            require_sums(result, -ONES)
        await client.close()

    asyncio.run(run())


@example
def simple_http_async_infer_client(hosts: Hosts) -> None:
    with client_of(triton_http, hosts, concurrency=2) as client:
        asked = [client.async_infer("simple", pair(triton_http), outputs=both(triton_http)) for _ in range(2)]
        for each in asked:
            require_sums(each.get_result())


@example
def simple_grpc_infer_client(hosts: Hosts) -> None:
    with client_of(triton_grpc, hosts) as client:
        for coding in CODINGS:
            how = {"client_timeout": float(WAIT_S), "headers": {"test": "1"}, "compression_algorithm": coding}
            require_sums(client.infer("simple", pair(triton_grpc), outputs=both(triton_grpc), **how))
            require_sums(client.infer("simple", pair(triton_grpc), outputs=None, **how))
        statistics = client.get_inference_statistics(model_name="simple")
        require("statistics of one model", len(statistics.model_stats) == 1, statistics)


@example
def simple_grpc_async_infer_client(hosts: Hosts) -> None:
    done: queue.Queue = queue.Queue()
    with client_of(triton_grpc, hosts) as client:
        callback = lambda result, error: done.put((result, error))  # noqa: E731
        client.async_infer("simple", pair(triton_grpc), callback, outputs=both(triton_grpc))
        result, error = done.get(timeout=WAIT_S)
        require("no error", error is None, error)
        require_sums(result)


@example
def simple_grpc_aio_infer_client(hosts: Hosts) -> None:
    async def run() -> None:
        async with grpc_aio.InferenceServerClient(hosts.grpc) as client:
            inputs = pair(grpc_aio)
            named = await client.infer("simple", inputs, outputs=both(grpc_aio), headers={"test": "1"})
            require_sums(named)
            statistics = await client.get_inference_statistics(model_name="simple")
            require("statistics of one model", len(statistics.model_stats) == 1, statistics)
            for result in await asyncio.gather(*(client.infer("simple", inputs) for _ in range(2))):
                require_sums(result)

    asyncio.run(run())


@example
def simple_grpc_keepalive_client(hosts: Hosts) -> None:
    """Pings as often as the client may send them, with no call under way."""
    for every_ms in (2**31 - 1, 100):
        options = triton_grpc.KeepAliveOptions(
            keepalive_time_ms=every_ms,
            keepalive_timeout_ms=20_000,
            keepalive_permit_without_calls=every_ms == 100,
            http2_max_pings_without_data=0 if every_ms == 100 else 2,
        )
        with client_of(triton_grpc, hosts, keepalive_options=options) as client:
            asked = client.infer("simple", pair(triton_grpc), outputs=both(triton_grpc), headers={"test": "1"})
            require_sums(asked)


@example
def simple_grpc_custom_args_client(hosts: Hosts) -> None:
    args = [
        ("grpc.max_send_message_length", 1 << 20),
        ("grpc.max_receive_message_length", 1 << 20),
        ("grpc.keepalive_time_ms", 2**31 - 1),
        ("grpc.http2.max_pings_without_data", 2),
        ("grpc.dns_enable_srv_queries", 1),
    ]
    with client_of(triton_grpc, hosts, channel_args=args) as client:
        require_sums(client.infer("simple", pair(triton_grpc), outputs=both(triton_grpc)))


def string_sums(form, hosts: Hosts) -> None:
    with client_of(form, hosts) as client:
        second = {"binary_data": False} if form is triton_http else {}
        inputs = [
            tensor(form, "INPUT0", texts_of(FIRST), "BYTES"),
            tensor(form, "INPUT1", texts_of(ONES), "BYTES", **second),
        ]
        outputs = [form.InferRequestedOutput("OUTPUT0"), form.InferRequestedOutput("OUTPUT1", **second)]
        result = client.infer("simple_string", inputs, outputs=outputs)
        for name, wanted in (("OUTPUT0", FIRST + ONES), ("OUTPUT1", FIRST - ONES)):
            found = [int(text) for text in result.as_numpy(name).ravel()]
            require(name, found == wanted.ravel().tolist(), found)


def string_identity(form, hosts: Hosts) -> None:
    """NUL in the midst of strings, and as their first byte."""
    with client_of(form, hosts) as client:
        for text in (b"he\x00llo", b"\x00\x01\x02\x03"):
            for how in ({"binary_data": True}, {"binary_data": False}) if form is triton_http else ({},):
                sent = np.array([text] * WIDTH, np.object_).reshape(1, WIDTH)
                asked = [form.InferRequestedOutput("OUTPUT0", **how)]
                result = client.infer("simple_identity", [tensor(form, "INPUT0", sent, "BYTES", **how)], outputs=asked)
                found = [t if isinstance(t, bytes) else t.encode() for t in result.as_numpy("OUTPUT0").ravel()]
                require(f"{text!r}, {how}", found == [text] * WIDTH, found)


@example
def simple_http_string_infer_client(hosts: Hosts) -> None:
    string_sums(triton_http, hosts)
    string_identity(triton_http, hosts)


@example
def simple_grpc_string_infer_client(hosts: Hosts) -> None:
    string_sums(triton_grpc, hosts)
    string_identity(triton_grpc, hosts)


@example
def memory_growth_test(hosts: Hosts) -> None:
    """A client for each request."""
    for form in (triton_http, triton_grpc):
        for _ in range(REPETITIONS):
            with client_of(form, hosts) as client:
                asked = [form.InferRequestedOutput("OUTPUT0")]
                result = client.infer("custom_identity_int32", [tensor(form, "INPUT0", FIRST)], outputs=asked)
                found = result.as_numpy("OUTPUT0")
                require("the same numbers", found.dtype == np.int32 and np.array_equal(found, FIRST), found)
