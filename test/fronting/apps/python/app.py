"""The routes of test/fronting/apps.ts with Starlette, for uvicorn: `python app.py httptools|h11`."""
import asyncio
import gzip
import hashlib
import os
import socket
import sys
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

BLOCK = bytes((i * 7 + (i >> 8) * 13) & 255 for i in range(65536))
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]


def say(*words):
    print(*words, flush=True)


def number(request, name):
    return int(request.query_params.get(name, "0"))


async def echo_websocket(websocket):
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                say("closed", message.get("code"))
                return
            text, data = message.get("text"), message.get("bytes")
            if text == "close with 4001":
                await websocket.close(4001, "as asked")
                return
            await (websocket.send_text(text) if text is not None else websocket.send_bytes(data))
    except WebSocketDisconnect as error:
        say("closed", error.code)


async def send_events(request):
    async def events():
        for i in range(number(request, "count")):
            if i > 0:
                await asyncio.sleep(number(request, "ms") / 1000)
            yield f"id: {i}\ndata: {time.time() * 1000:.0f}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def hash_body(request):
    digest, count = hashlib.sha256(), 0
    try:
        async for chunk in request.stream():
            digest.update(chunk)
            count += len(chunk)
    except ClientDisconnect:
        say("broken", count)
        return Response()
    return JSONResponse({"bytes": count, "sha256": digest.hexdigest()})


async def send_bytes(request):
    async def blocks(left):
        while left > 0:
            yield BLOCK[:left]
            left -= min(left, len(BLOCK))

    n = number(request, "n")
    headers = {"content-length": str(n)}
    return StreamingResponse(blocks(n), headers=headers, media_type="application/octet-stream")


async def send_status(request):
    return Response(status_code=number(request, "code"), headers={"etag": '"abc"'})


async def send_file(request):
    return FileResponse(os.environ["APP_FILE"])


async def send_gzip(request):
    packed = gzip.compress(b"hello " * 1000)
    return Response(packed, headers={"content-encoding": "gzip"}, media_type="text/plain")


async def list_headers(request):
    return JSONResponse([[name.decode("latin1"), value.decode("latin1")] for name, value in request.headers.raw])


async def send_cookies(request):
    response = Response()
    response.raw_headers.append((b"set-cookie", b"a=1; Path=/"))
    response.raw_headers.append((b"set-cookie", b"b=2; Path=/; Expires=Wed, 09 Jun 2032 10:18:14 GMT"))
    return response


async def send_wide_headers(request):
    return Response(headers={f"x-wide-{i}": "w" * 1000 for i in range(number(request, "count"))})


async def until_left(request):
    while not await request.is_disconnected():
        await asyncio.sleep(0.02)
    say("left", request.query_params.get("id"))


async def never(request):
    await request.body()
    await until_left(request)
    return Response()


class Begin:
    """A head and five bytes of a hundred, and no more."""

    async def __call__(self, scope, receive, send):
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        say("left", dict(pair.split("=") for pair in scope["query_string"].decode().split("&"))["id"])


async def refuse(request):
    return Response(status_code=403)


async def saw(request):
    body = await request.body()
    target = request.scope["raw_path"].decode("latin1")
    query = request.scope["query_string"].decode("latin1")
    target += f"?{query}" if query else ""
    return Response(headers={"x-saw": f"{request.method} {target} {len(body)} {hashlib.sha256(body).hexdigest()[:8]}"})


ROUTES = {
    "/sse": send_events,
    "/hash": hash_body,
    "/bytes": send_bytes,
    "/status": send_status,
    "/file": send_file,
    "/gzip": send_gzip,
    "/headers": list_headers,
    "/cookies": send_cookies,
    "/wide": send_wide_headers,
    "/never": never,
    "/refuse": refuse,
    "/{rest:path}": saw,
}
app = Starlette(
    routes=[
        WebSocketRoute("/ws", echo_websocket),
        Route("/begin", Begin()),
        *(Route(path, endpoint, methods=METHODS) for path, endpoint in ROUTES.items()),
    ]
)


async def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    config = uvicorn.Config(app, http=sys.argv[1], ws="websockets-sansio", log_level="error", ws_max_size=2**26)
    say("listening", listener.getsockname()[1])
    await uvicorn.Server(config).serve(sockets=[listener])


asyncio.run(main())
