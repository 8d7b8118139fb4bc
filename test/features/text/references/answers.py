"""The answers of transformers' pipelines and of sentence-transformers, for models that models.py has made.

    answers.py DIRECTORY < TEXTS.json > ANSWERS.json        {"NAME": [an answer for each text], …}

TEXTS has "texts", "pairs" and, by the name of a model, "masked".
"""

import json
import sys
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import AutoTokenizer, pipeline
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)

source = Path(sys.argv[1]) / "source"
given = json.load(sys.stdin)
texts, pairs = given["texts"], given["pairs"]
answers = {}


def piped(task, name, inputs, call=None, **settings):
    tokenizer = AutoTokenizer.from_pretrained(source / name)
    pipe = pipeline(task, model=str(source / name), tokenizer=tokenizer, device="cpu", **settings)
    answers[name] = [pipe(each, **(call or {})) for each in inputs]


for name in ("two", "three", "several", "one", "regression", "distil"):
    piped("text-classification", name, texts, dict(top_k=None, truncation=True))
asked = [{"text": text, "text_pair": pair} for text, pair in pairs]
piped("text-classification", "inference", asked, dict(top_k=None, truncation=True))
for name in ("entities", "entities-roberta"):
    piped("token-classification", name, texts, aggregation_strategy="simple")
    piped("token-classification", f"{name}-single", texts, aggregation_strategy="none")
for name in ("mask", "mask-roberta"):
    piped("fill-mask", name, given["masked"][name], top_k=5, tokenizer_kwargs={"truncation": True})
for name in ("ranker", "ranker-roberta", "ranker-logits"):
    encoder = CrossEncoder(str(source / name), device="cpu")
    answers[name] = encoder.predict(pairs, batch_size=8, show_progress_bar=False).tolist()
for name in ("mean", "cls", "max", "last", "mean-roberta", "whole"):
    model = SentenceTransformer(str(source / name), device="cpu")
    answers[name] = model.encode(texts, batch_size=8, show_progress_bar=False).tolist()
for name in ("prompts", "prompts-roberta"):
    model = SentenceTransformer(str(source / name), device="cpu")
    for prompt in ("query", "passage", "none", None):
        vectors = model.encode(texts, prompt_name=prompt, batch_size=8, show_progress_bar=False)
        answers[f"{name}/{prompt or ''}"] = vectors.tolist()


def plain(value):
    return value.item()


json.dump(answers, sys.stdout, default=plain)
