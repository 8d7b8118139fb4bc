"""The calls of the examples that look up the server and its models, and load and unload them."""

from __future__ import annotations

import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from common import Hosts, client_of, example, pair, refused, require, require_sums


def value_of(answer, name: str):
    return answer[name] if isinstance(answer, dict) else getattr(answer, name)


def look_up(form, hosts: Hosts, extra: dict) -> None:
    with client_of(form, hosts) as client:
        require("live", client.is_server_live(**extra))
        require("ready", client.is_server_ready())
        require("model ready", client.is_model_ready("simple"))
        server = client.get_server_metadata()
        require("the server's name", value_of(server, "name") == "triton", server)
        model = client.get_model_metadata("simple", **extra)
        require("the model's name", value_of(model, "name") == "simple", model)
        ask = lambda: client.get_model_metadata("wrong_model_name")  # noqa: E731
        refused("a wrong name", ask, "Request for unknown model")
        config = client.get_model_config("simple")
        require("its config", value_of(value_of(config, "config") if form is triton_grpc else config, "name") == "simple")


@example
def simple_http_health_metadata(hosts: Hosts) -> None:
    look_up(triton_http, hosts, {"query_params": {"test_1": 1, "test_2": 2}})


@example
def simple_grpc_health_metadata(hosts: Hosts) -> None:
    look_up(triton_grpc, hosts, {"headers": {"test": "1", "dummy": "2"}})


def control(form, hosts: Hosts) -> None:
    """The example ends at its second load, of a configuration that the caller brings: that is refused here."""
    with client_of(form, hosts) as client:
        index = client.get_model_repository_index()
        names = [value_of(each, "name") for each in (index if isinstance(index, list) else index.models)]
        require("the index", "simple" in names and "simple_string" in names, names)
        client.load_model("simple")
        require("loaded", client.is_model_ready("simple"))
        for config in ('{"max_batch_size":"16"}', '"parameters": {"config": {{"max_batch_size": "16"}}}'):
            bring = lambda: client.load_model("simple", config=config)  # noqa: E731, B023
            refused("a config of the caller's", bring, 'parameter "config"')
        client.unload_model("simple")
        require("unloaded", not client.is_model_ready("simple"))
        refused("a wrong name", lambda: client.load_model("wrong_model_name"), "failed to load 'wrong_model_name'")
        require("the server lives", client.is_server_live())
        client.load_model("simple")
        require_sums(client.infer("simple", pair(form)))


@example
def simple_http_model_control(hosts: Hosts) -> None:
    control(triton_http, hosts)


@example
def simple_grpc_model_control(hosts: Hosts) -> None:
    control(triton_grpc, hosts)


@example
def simple_grpc_custom_repeat(hosts: Hosts) -> None:
    """Its model gives many answers to one request."""
    with client_of(triton_grpc, hosts) as client:
        error = refused("a decoupled model", lambda: client.load_model("repeat_int32"), "decoupled is not supported")
        require("its name", "'repeat_int32'" in error.message(), error.message())
        require("it is not ready", not client.is_model_ready("repeat_int32"))
        require("nor is the server", not client.is_server_ready())
        client.unload_model("repeat_int32")
        require("the server is ready without it", client.is_server_ready())
