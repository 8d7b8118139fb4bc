"""One case of TensorFlow Serving's contract: what it answers, what is answered here, and why that may differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .surfaces import Answer, Sidecar

# Acts on the sidecar and gives its answer. Raises AssertionError where the status alone does not tell the whole truth.
Act = Callable[[Sidecar], Answer]


@dataclass(frozen=True)
class Row:
    """`here` and `why` are empty where the answer is TensorFlow Serving's own."""

    section: str
    case: str
    surface: str
    serving: str
    act: Act
    here: str = ""
    why: str = ""

    @property
    def expected(self) -> str:
        return self.here or self.serving


class Section:
    """Collects rows by decorating the functions that act them out, in the order in which the document has them."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[Row] = []

    def grpc(self, case: str, serving: str, here: str = "", why: str = "") -> Callable[[Act], Act]:
        return self._row("gRPC", case, serving, here, why)

    def rest(self, case: str, serving: str, here: str = "", why: str = "") -> Callable[[Act], Act]:
        return self._row("REST", case, serving, here, why)

    def _row(self, surface: str, case: str, serving: str, here: str, why: str) -> Callable[[Act], Act]:
        if bool(here) != bool(why):
            raise ValueError(f"{case}: what differs needs a reason, and what does not has none")

        def add(act: Act) -> Act:
            self.rows.append(Row(self.title, case, surface, serving, act, here, why))
            return act

        return add


def check(is_so: bool, otherwise: object) -> None:
    """assert, also under -O."""
    if not is_so:
        raise AssertionError(str(otherwise))
