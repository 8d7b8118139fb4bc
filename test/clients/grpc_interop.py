"""gRPC's interop cases on grpcio (the C core): those of its own interop client, with compression and limits added.

    grpc_interop.py --list
    grpc_interop.py TARGET CASE

Status 0 if the case passes. Messages are written by hand, so that nothing need be generated: there are few fields.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import grpc

SERVICE = "/grpc.testing.TestService/"
ECHO_INITIAL, ECHO_TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
MIB = 1 << 20


def varint(value: int) -> bytes:
    """A base-128 varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field: int, value: int) -> bytes:
    """A varint field."""
    return varint(field << 3) + varint(value)


def block(field: int, value: bytes) -> bytes:
    """A length-delimited field."""
    return varint(field << 3 | 2) + varint(len(value)) + value


def simple_request(response_size: int, payload: int = 0) -> bytes:
    """SimpleRequest with a payload of zeros."""
    return number(2, response_size) + block(3, block(2, bytes(payload)))


def simple_response(size: int) -> bytes:
    """SimpleResponse (and StreamingOutputCallResponse) with a payload of zeros."""
    return block(1, block(2, bytes(size)) if size > 0 else b"")


def output_request(*sizes: int, interval_us: int = 0, payload: int = 0) -> bytes:
    """StreamingOutputCallRequest."""
    parameters = (block(2, number(1, size) + number(2, interval_us)) for size in sizes)
    return b"".join(parameters) + block(3, block(2, bytes(payload)))


def with_status(code: int, message: str) -> bytes:
    """The response_status field of both requests."""
    return block(7, number(1, code) + block(2, message.encode()))


def equal(got: object, want: object) -> None:
    """Fails the case where they differ."""
    if got != want:
        sys.exit(f"got {str(got)[:200]}, want {str(want)[:200]}")


def fails(call: Callable[[], object], code: grpc.StatusCode) -> grpc.RpcError:
    """The error of a call, which must have this code."""
    try:
        call()
    except grpc.RpcError as error:
        equal((error.code(), error.details() if error.code() != code else ""), (code, ""))
        return error
    sys.exit(f"the call did not fail with {code}")


class Cases:
    """Each public method is a case."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._unary = channel.unary_unary(SERVICE + "UnaryCall")
        self._duplex = channel.stream_stream(SERVICE + "FullDuplexCall")

    def empty_unary(self) -> None:
        equal(self._channel.unary_unary(SERVICE + "EmptyCall")(b""), b"")

    def large_unary(self) -> None:
        equal(self._unary(simple_request(314159, 271828)), simple_response(314159))

    def ten_mib_both_ways(self) -> None:
        equal(self._unary(simple_request(10 * MIB, 10 * MIB)), simple_response(10 * MIB))

    def client_streaming(self) -> None:
        requests = (block(1, block(2, bytes(size))) for size in (27182, 8, 1828, 45904))
        equal(self._channel.stream_unary(SERVICE + "StreamingInputCall")(requests), number(1, 74922))

    def server_streaming(self) -> None:
        sizes = (31415, 9, 2653, 58979)
        answers = list(self._channel.unary_stream(SERVICE + "StreamingOutputCall")(output_request(*sizes)))
        equal(answers, [simple_response(size) for size in sizes])

    def ping_pong(self) -> None:
        turns = ((31415, 27182), (9, 8), (2653, 1828), (58979, 45904))
        answered: list[bytes] = []

        def requests() -> Iterator[bytes]:
            for i, (size, payload) in enumerate(turns):
                while len(answered) < i:
                    time.sleep(0.001)
                yield output_request(size, payload=payload)

        for answer in self._duplex(requests()):
            answered.append(answer)
        equal(answered, [simple_response(size) for size, _ in turns])

    def empty_stream(self) -> None:
        equal(list(self._duplex(iter(()))), [])

    def half_duplex(self) -> None:
        call = self._channel.stream_stream(SERVICE + "HalfDuplexCall")
        answers = list(call(output_request(size) for size in (5, 70000)))
        equal(answers, [simple_response(5), simple_response(70000)])

    def cancel_after_begin(self) -> None:
        call = self._channel.stream_unary(SERVICE + "StreamingInputCall").future(iter(lambda: time.sleep(9) or b"", b""))
        call.cancel()
        equal(call.code(), grpc.StatusCode.CANCELLED)

    def cancel_after_first_response(self) -> None:
        call = self._duplex(iter(lambda: time.sleep(0.05) or output_request(31415), b""))
        equal(next(call), simple_response(31415))
        call.cancel()
        fails(lambda: next(call), grpc.StatusCode.CANCELLED)

    def timeout_on_sleeping_server(self) -> None:
        call = self._duplex(iter([output_request(9, interval_us=9_000_000)]), timeout=0.05)
        fails(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)

    def custom_metadata(self) -> None:
        sent = ((ECHO_INITIAL, "test_initial_metadata_value"), (ECHO_TRAILING, b"\xab\xab\xab\x00\xff"))
        answer, call = self._unary.with_call(simple_request(314159, 271828), metadata=sent)
        equal(answer, simple_response(314159))
        equal(dict(call.initial_metadata())[ECHO_INITIAL], sent[0][1])
        equal(dict(call.trailing_metadata())[ECHO_TRAILING], sent[1][1])
        stream = self._duplex(iter([output_request(1)]), metadata=sent)
        equal(list(stream), [simple_response(1)])
        equal(dict(stream.initial_metadata())[ECHO_INITIAL], sent[0][1])
        equal(dict(stream.trailing_metadata())[ECHO_TRAILING], sent[1][1])

    def status_code_and_message(self) -> None:
        request = with_status(2, "test status message")
        equal(fails(lambda: self._unary(request), grpc.StatusCode.UNKNOWN).details(), "test status message")
        stream = self._duplex(iter([request]))
        equal(fails(lambda: next(stream), grpc.StatusCode.UNKNOWN).details(), "test status message")

    def special_status_message(self) -> None:
        text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈 and 100 %\t\n"
        equal(fails(lambda: self._unary(with_status(2, text)), grpc.StatusCode.UNKNOWN).details(), text)

    def unimplemented_method(self) -> None:
        fails(lambda: self._channel.unary_unary(SERVICE + "UnimplementedCall")(b""), grpc.StatusCode.UNIMPLEMENTED)

    def unimplemented_service(self) -> None:
        path = "/grpc.testing.UnimplementedService/UnimplementedCall"
        fails(lambda: self._channel.unary_unary(path)(b""), grpc.StatusCode.UNIMPLEMENTED)

    def client_gzip_unary(self) -> None:
        answer = self._unary(simple_request(314159, 271828), compression=grpc.Compression.Gzip)
        equal(answer, simple_response(314159))

    def client_deflate_unary(self) -> None:
        answer = self._unary(simple_request(9, 271828), compression=grpc.Compression.Deflate)
        equal(answer, simple_response(9))

    def client_gzip_streaming(self) -> None:
        requests = (block(1, block(2, bytes(size))) for size in (27182, 8, 1828, 45904))
        call = self._channel.stream_unary(SERVICE + "StreamingInputCall")
        equal(call(requests, compression=grpc.Compression.Gzip), number(1, 74922))

    def message_over_the_limit(self) -> None:
        fails(lambda: self._unary(simple_request(1, 17 * MIB)), grpc.StatusCode.RESOURCE_EXHAUSTED)
        request = simple_request(1, 17 * MIB)
        call = lambda: self._unary(request, compression=grpc.Compression.Gzip)  # noqa: E731
        fails(call, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.empty_unary()

    def three_hundred_at_once(self) -> None:
        calls = [self._unary.future(simple_request(size, size)) for size in range(1, 301)]
        for size, call in enumerate(calls, 1):
            equal(call.result(), simple_response(size))


NAMES = [name for name in vars(Cases) if not name.startswith("_")]

if sys.argv[1:] == ["--list"]:
    print("\n".join(NAMES))
else:
    target, name = sys.argv[1:]
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(target, options) as open_channel:
        getattr(Cases(open_channel), name)()
