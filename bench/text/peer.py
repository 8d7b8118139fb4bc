"""The service that a team writes by itself: FastAPI, PyPI's tokenizers and ONNX Runtime, on the same files.

    peer.py VERSION_DIRECTORY          prints {"event": "ready", "rest": ["127.0.0.1:PORT"]}

What waits is taken together, sorted by length and cut into batches, so that short texts are not padded to long ones.
"""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from tokenizers import Tokenizer

DIRECTORY = Path(sys.argv[1])
MOST_TOKENS = 256
BATCH = 16

tokenizer = Tokenizer.from_file(str(DIRECTORY / "tokenizer.json"))
tokenizer.enable_truncation(MOST_TOKENS)
tokenizer.no_padding()
session = onnxruntime.InferenceSession(str(DIRECTORY / "model.onnx"), providers=["CPUExecutionProvider"])
names = [each.name for each in session.get_inputs()]
waiting: list = []
wake = asyncio.Event()
pool = ThreadPoolExecutor(1)


def run(batch):
    longest = max(len(encoding.ids) for encoding, _ in batch)
    ids = np.zeros((len(batch), longest), np.int64)
    mask = np.zeros_like(ids)
    for row, (encoding, _) in enumerate(batch):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    hidden = session.run(None, {name: given[name] for name in names})[0]
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


async def batches():
    loop = asyncio.get_running_loop()
    while True:
        await wake.wait()
        wake.clear()
        taken = sorted(waiting, key=lambda each: len(each[0].ids))
        waiting.clear()
        for start in range(0, len(taken), BATCH):
            batch = taken[start : start + BATCH]
            vectors = await loop.run_in_executor(pool, run, batch)
            for (_, future), vector in zip(batch, vectors):
                if not future.done():
                    future.set_result(vector)


@asynccontextmanager
async def lifespan(_):
    task = asyncio.create_task(batches())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/embed")
async def embed(request: Request):
    inputs = json.loads(await request.body())["inputs"]
    futures = []
    for encoding in tokenizer.encode_batch([inputs] if isinstance(inputs, str) else inputs):
        future = asyncio.get_running_loop().create_future()
        futures.append(future)
        waiting.append((encoding, future))
    wake.set()
    vectors = [(await future).tolist() for future in futures]
    return Response(json.dumps(vectors), media_type="application/json")


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"event": "ready", "rest": [f"127.0.0.1:{port}"]}), flush=True)


Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False)).run()
