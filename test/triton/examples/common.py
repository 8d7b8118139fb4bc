"""What the sequences of calls share: their register, where the server is, and checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

WAIT_S = 20
WIDTH = 16
FIRST = np.arange(WIDTH, dtype=np.int32).reshape(1, WIDTH)
ONES = np.ones((1, WIDTH), np.int32)


@dataclass(frozen=True)
class Hosts:
    """HOST:PORT of each form of the protocol."""

    http: str
    grpc: str


Example = Callable[[Hosts], None]

EXAMPLES: dict[str, Example] = {}


def example(run: Example) -> Example:
    """Registers the calls of NVIDIA's file of this name. They raise an AssertionError at the first wrong answer."""
    EXAMPLES[run.__name__] = run
    return run


def require(what: str, holds: bool, found: object = "") -> None:
    if not holds:
        raise AssertionError(f"{what}: {found!r}")


def refused(what: str, ask: Callable[[], object], words: str) -> InferenceServerException:
    """The error, which must hold the words."""
    try:
        answer = ask()
    except InferenceServerException as error:
        require(what, words in error.message(), error.message())
        return error
    raise AssertionError(f"{what} is not refused: {answer!r}")


def client_of(form: ModuleType, hosts: Hosts, **options: Any) -> Any:
    return form.InferenceServerClient(hosts.grpc if "grpc" in form.__name__ else hosts.http, **options)


def tensor(form: ModuleType, name: str, array: np.ndarray, datatype: str = "INT32", **how: bool) -> Any:
    sent = form.InferInput(name, list(array.shape), datatype)
    sent.set_data_from_numpy(array, **how)
    return sent


def pair(form: ModuleType, second: np.ndarray = ONES) -> list[Any]:
    return [tensor(form, "INPUT0", FIRST), tensor(form, "INPUT1", second)]


def both(form: ModuleType) -> list[Any]:
    return [form.InferRequestedOutput("OUTPUT0"), form.InferRequestedOutput("OUTPUT1")]


def require_sums(result: Any, second: np.ndarray = ONES) -> None:
    """The answer of the model `simple`, by the names of its outputs."""
    for name, wanted in (("OUTPUT0", FIRST + second), ("OUTPUT1", FIRST - second)):
        found = result.as_numpy(name)
        require(name, found is not None and np.array_equal(found, wanted), found)


def texts_of(numbers: np.ndarray) -> np.ndarray:
    return np.array([str(n).encode() for n in numbers.ravel()], np.object_).reshape(numbers.shape)


__all__ = [name for name in dir() if not name.startswith("_")]
