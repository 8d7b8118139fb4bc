"""The service that people write around sentence-transformers: FastAPI, and encode() in its pool of threads.

    sentence_transformers_server.py MODEL_FOLDER        prints {"event": "ready", "rest": ["127.0.0.1:PORT"]}
"""

import json
import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu")
app = FastAPI()


class Body(BaseModel):
    inputs: str | list[str]
    truncate: bool = True


# FastAPI runs a plain function in a thread.
@app.post("/embed")
def embed(body: Body) -> list[list[float]]:
    texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
    return model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False).tolist()


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"event": "ready", "rest": [f"127.0.0.1:{port}"]}), flush=True)


Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False)).run()
