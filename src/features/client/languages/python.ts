/** A client in Python 3.9 and newer, on its standard library alone. */
import type { ServedTensor } from '../../../cli/served-inputs.ts';
import { type ClientSource, describeTensor, elementKind, isBase64, literal } from '../client-source.ts';

const ELEMENTS = { string: 'str', bool: 'bool', float: 'float', integer: 'int' } as const;

export function pythonClient({ path, signature, inputs, outputs }: ClientSource): string {
  const whole = outputs.size === 1 ? `{${literal([...outputs.keys()][0]!, 'python')}: outputs}` : 'outputs';
  return `"""A client of one model, written by pillion client: write it again when the model's signature changes."""
import base64
import http.client
import json
import socket
import threading
import time
import urllib.parse
from typing import Any, Dict, List, Optional, Sequence, TypedDict, Union, cast

PATH = ${literal(path, 'python')}
SIGNATURE = ${literal(signature, 'python')}

# Whole tensors as nested lists (an array of NumPy: array.tolist()); rows are in dim 0. A string may be any bytes.
${dictOf('Inputs', inputs, inputType)}

${dictOf('Outputs', outputs, outputType)}
${CLIENT.replace('WHOLE', () => whole)}`;
}

function dictOf(
  name: string,
  tensors: ReadonlyMap<string, ServedTensor>,
  typeOf: (name: string, tensor: ServedTensor) => string,
): string {
  const members = [...tensors].map(
    ([each, tensor]) => `    ${literal(each, 'python')}: ${typeOf(each, tensor)},  # ${describeTensor(tensor)}\n`,
  );
  return `${name} = TypedDict("${name}", {\n${members.join('')}})`;
}

function inputType(_: string, tensor: ServedTensor): string {
  return listsOf('Sequence', tensor, tensor.dtype === 'string' ? 'Union[str, bytes]' : ELEMENTS[elementKind(tensor)]);
}

function outputType(name: string, tensor: ServedTensor): string {
  return listsOf('List', tensor, isBase64(name, tensor) ? 'Dict[str, str]' : ELEMENTS[elementKind(tensor)]);
}

function listsOf(list: string, { shape }: ServedTensor, element: string): string {
  return shape === undefined ? 'Any' : shape.reduce<string>((type) => `${list}[${type}]`, element);
}

const CLIENT = `

class RefusedError(Exception):
    """The server's refusal. retry_after: when a retry makes sense, in seconds; None = it makes none."""

    def __init__(self, status: int, message: str, retry_after: Optional[float]) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """address: "http://HOST:PORT", "https://…" or "unix:PATH". retries: the most of a call, each after the server's time."""

    def __init__(
        self, address: str = "http://127.0.0.1:8501", *, token: Optional[str] = None, retries: int = 2
    ) -> None:
        self._address = address
        self._token = token
        self._retries = retries

    def predict(self, inputs: Inputs, deadline: float = 10.0) -> Outputs:
        """deadline: in seconds. Raises RefusedError, or OSError if no answer comes in time."""
        until = time.monotonic() + deadline
        body = json.dumps({"signature_name": SIGNATURE, "inputs": inputs}, default=_element).encode()
        tries = 0
        while True:
            try:
                outputs: Any = self._post(body, until - time.monotonic())["outputs"]
                return cast(Outputs, WHOLE)
            except RefusedError as refused:
                after = refused.retry_after
                if after is None or tries >= self._retries or time.monotonic() + after >= until:
                    raise
                tries += 1
                time.sleep(after)

    def _post(self, body: bytes, timeout: float) -> Any:
        if timeout <= 0:
            raise TimeoutError("no answer within the deadline")
        headers = {
            "content-type": "application/json",
            "x-envoy-expected-rq-timeout-ms": str(max(1, int(timeout * 1000))),
        }
        if self._token is not None:
            headers["authorization"] = "Bearer " + self._token
        connection, prefix = self._connection(timeout)
        until = time.monotonic() + timeout
        connection.connect()
        # A socket's own timeout is for each read, and an answer may come a byte at a time.
        is_late = threading.Event()
        timer = threading.Timer(until - time.monotonic(), _end, (connection.sock, is_late))
        timer.daemon = True
        timer.start()
        try:
            connection.request("POST", prefix + PATH, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status == 200:
                return json.loads(text)
            raise _refusal(answer.status, text, answer.getheader("retry-after"))
        except (OSError, ValueError, http.client.HTTPException):
            if is_late.is_set():
                raise TimeoutError("no answer within the deadline") from None
            raise
        finally:
            timer.cancel()
            connection.close()

    def _connection(self, timeout: float) -> "tuple[http.client.HTTPConnection, str]":
        if self._address.startswith("unix:"):
            return _UnixConnection(self._address[len("unix:"):], timeout), ""
        url = urllib.parse.urlsplit(self._address)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        return kind(url.netloc, timeout=timeout), url.path.rstrip("/")


def _element(value: object) -> Dict[str, str]:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} cannot be sent; give nested lists: array.tolist()")


def _end(connected: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _refusal(status: int, text: str, retry_after: Optional[str]) -> RefusedError:
    try:
        message = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        message = text
    try:
        after: Optional[float] = None if retry_after is None else max(0.0, float(retry_after))
    except ValueError:
        after = None
    return RefusedError(status, message, after)
`;
