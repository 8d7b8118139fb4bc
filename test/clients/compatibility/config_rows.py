"""HandleReloadConfigRequest, and what a list of models may say. The rows run last: the list they leave is the whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .row import Section, check
from .surfaces import Answer, Sidecar

CONFIG = Section("HandleReloadConfigRequest and the list of models")


def whole_list(s: Sidecar, *without: str) -> Any:
    """Every model that is served, as it is configured."""
    request = s.grpc.message("ReloadConfigRequest")
    for path in sorted(Path(s.models).iterdir()):
        if path.name not in without:
            add(request, path.name, str(path))
    return request


def add(request: Any, name: str, base_path: str, platform: str = "tensorflow") -> Any:
    config = request.config.model_config_list.config.add()
    config.name = name
    config.base_path = base_path
    config.model_platform = platform
    config.version_labels["stable"] = 1
    return config


def reload(s: Sidecar, request: Any) -> Answer:
    return s.grpc.call("ModelService/HandleReloadConfigRequest", request, "ReloadConfigResponse")


@CONFIG.grpc("the whole list again: OK, and the status in it too", "OK")
def _(s: Sidecar) -> Answer:
    answer = reload(s, whole_list(s))
    check(answer.status != "OK" or answer.reply.status.error_code == 0, answer)
    return answer


@CONFIG.grpc("a list without a model: it is served no more", "OK")
def _(s: Sidecar) -> Answer:
    answer = reload(s, whole_list(s, "one"))
    gone = s.grpc.status("one")
    check(gone.status == "OK" and gone.reply.model_version_status[0].state in (40, 50), gone)
    check(s.rest.get("/v1/models/one").status == "200", "the status over REST")
    check(s.rest.send("POST", "/v1/models/one:predict", {"instances": [[1, 2, 3, 4]]}).status == "404", "it answers")
    reload(s, whole_list(s))
    check(s.rest.get("/v1/models/one").status == "200", "the model that came back has none")
    return answer


@CONFIG.grpc("no config", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    return reload(s, s.grpc.message("ReloadConfigRequest"))


@CONFIG.grpc("a custom_model_config", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = s.grpc.message("ReloadConfigRequest")
    request.config.custom_model_config.type_url = "type.googleapis.com/anything"
    return reload(s, request)


@CONFIG.grpc("a model twice", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = whole_list(s)
    add(request, "float", str(Path(s.models) / "float"))
    return reload(s, request)


@CONFIG.grpc("a base_path that is not absolute", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = whole_list(s, "float")
    add(request, "float", "models/float")
    return reload(s, request)


@CONFIG.grpc("model_type and model_platform together", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = whole_list(s, "float")
    add(request, "float", str(Path(s.models) / "float")).model_type = 1
    return reload(s, request)


def serves_float(s: Sidecar) -> None:
    answer = s.rest.send("POST", "/v1/models/float:predict", {"instances": [[1, 2, 3, 4]]})
    check(answer.status == "200", answer)


@CONFIG.grpc("an unknown platform: nothing changes", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = whole_list(s, "float")
    add(request, "new", str(Path(s.models) / "float"), platform="tensorrt_plan")
    answer = reload(s, request)
    serves_float(s)
    return answer


@CONFIG.grpc("another platform for a served model: nothing changes", "INVALID_ARGUMENT")
def _(s: Sidecar) -> Answer:
    request = whole_list(s, "float")
    add(request, "float", str(Path(s.models) / "float"), platform="tfjs")
    answer = reload(s, request)
    serves_float(s)
    return answer


@CONFIG.grpc("neither of the two", "INVALID_ARGUMENT", "OK", "the files tell which runtime it is")
def _(s: Sidecar) -> Answer:
    request = whole_list(s, "float")
    add(request, "float", str(Path(s.models) / "float"), platform="")
    return reload(s, request)


@CONFIG.grpc("a label for a version that is not available", "FAILED_PRECONDITION")
def _(s: Sidecar) -> Answer:
    request = whole_list(s, "float")
    add(request, "float", str(Path(s.models) / "float")).version_labels["stable"] = 99
    answer = reload(s, request)
    check(s.rest.send("POST", "/v1/models/float/labels/stable:predict", {"instances": [[1, 2, 3, 4]]}).status == "200", "moved")
    return answer


@CONFIG.grpc("metric_names: how much each counter grew meanwhile", "OK")
def _(s: Sidecar) -> Answer:
    request = whole_list(s)
    request.metric_names.extend(["pillion_batches_total", "nobody"])
    answer = reload(s, request)
    check([metric.name for metric in answer.reply.metric] == ["pillion_batches_total", "nobody"], answer.reply)
    return answer
