"""The calls of the examples that send sequences of requests."""

from __future__ import annotations

import asyncio
import queue
import uuid

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as triton_http
from common import WAIT_S, Hosts, client_of, example, require, tensor

VALUES = [11, 7, 5, 3, 2, 0, 1]


class Plan:
    """Three sequences with what they should be answered; the ids of the last are text. Each has new ids."""

    next_id = 1000

    def __init__(self, is_oldest: bool) -> None:
        first, second, third = range(Plan.next_id, Plan.next_id + 3)
        Plan.next_id += 3
        text_id = str(third) if is_oldest else str(uuid.uuid4())
        up, down, third_down = [0, *VALUES], [100, *(-v for v in VALUES)], [20, *(-v for v in VALUES)]
        if is_oldest:
            numbers, texts = "simple_dyna_sequence", "simple_string_dyna_sequence"
            wanted = self.marked(up, first), self.marked(down, second), self.added(third_down, third)
        else:
            numbers = texts = "simple_sequence"
            wanted = self.marked(up, 0), self.marked(down, 0), self.marked(third_down, 0)
        self.sequences = [
            (numbers, first, up, wanted[0]),
            (numbers, second, down, wanted[1]),
            (texts, text_id, third_down, wanted[2]),
        ]

    @staticmethod
    def marked(values: list[int], at_end: int) -> list[int]:
        """The first is one more, the last so many more."""
        return [values[0] + 1, *values[1:-1], values[-1] + at_end]

    @staticmethod
    def added(values: list[int], at_end: int) -> list[int]:
        sums = [int(total) for total in np.cumsum(values)]
        return [*sums[:-1], sums[-1] + at_end]

    def steps(self, form):
        """Arguments of a request for each."""
        for model, sequence_id, values, _ in self.sequences:
            for i, value in enumerate(values):
                yield {
                    "model_name": model,
                    "inputs": [tensor(form, "INPUT", np.full((1, 1), value, np.int32))],
                    "outputs": [form.InferRequestedOutput("OUTPUT")],
                    "request_id": f"{sequence_id}_{i + 1}",
                    "sequence_id": sequence_id,
                    "sequence_start": i == 0,
                    "sequence_end": i == len(values) - 1,
                }

    def check(self, answers: list[tuple[str, int]]) -> None:
        """Pairs of a request's id and its answer, in the order of each sequence."""
        for _, sequence_id, _, wanted in self.sequences:
            found = [value for name, value in answers if name.split("_")[0] == str(sequence_id)]
            require(f"answers of {sequence_id}", found == wanted, found)


def number(result) -> int:
    return int(result.as_numpy("OUTPUT")[0][0])


def one_by_one(form, hosts: Hosts) -> None:
    with client_of(form, hosts) as client:
        for is_oldest in (False, True):
            plan = Plan(is_oldest)
            plan.check([(step["request_id"], number(client.infer(**step))) for step in plan.steps(form)])


@example
def simple_http_sequence_sync_infer_client(hosts: Hosts) -> None:
    one_by_one(triton_http, hosts)


@example
def simple_grpc_sequence_sync_infer_client(hosts: Hosts) -> None:
    one_by_one(triton_grpc, hosts)


@example
def simple_grpc_sequence_stream_infer_client(hosts: Hosts) -> None:
    """All steps at once: nobody waits for the answer to the one before."""
    for is_oldest in (False, True):
        plan = Plan(is_oldest)
        done: queue.Queue = queue.Queue()
        with client_of(triton_grpc, hosts) as client:
            client.start_stream(callback=lambda result, error: done.put((result, error)))  # noqa: B023
            steps = list(plan.steps(triton_grpc))
            for step in steps:
                client.async_stream_infer(**step)
            answers = []
            for _ in steps:
                result, error = done.get(timeout=WAIT_S)
                require("no error", error is None, error)
                answers.append((result.get_response().id, number(result)))
        plan.check(answers)


@example
def simple_grpc_aio_sequence_stream_infer_client(hosts: Hosts) -> None:
    async def run(plan: Plan) -> None:
        async def requests():
            for step in plan.steps(grpc_aio):
                yield step

        answers = []
        async with grpc_aio.InferenceServerClient(hosts.grpc) as client:
            async for result, error in client.stream_infer(inputs_iterator=requests()):
                require("no error", error is None, error)
                answers.append((result.get_response().id, number(result)))
        plan.check(answers)

    for is_oldest in (False, True):
        asyncio.run(run(Plan(is_oldest)))
