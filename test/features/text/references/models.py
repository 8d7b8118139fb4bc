"""Small models of transformers and sentence-transformers with seeded weights, each saved by its library and exported to ONNX.

`make_models(directory, tokenizers)` writes DIRECTORY/source/NAME, which the libraries read, and DIRECTORY/served/NAME/1: the same
files but the weights, and model.onnx. The weights are large, so that scores of different texts differ.
"""

import shutil
import sys
import warnings
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
    RobertaModel,
)

WIDTH = 32
POSITIONS = 64
# Of the numbers that the weights are drawn from.
SPREAD = 0.25
BERT = dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")
ROBERTA = dict(unk_token="<unk>", cls_token="<s>", sep_token="</s>", pad_token="<pad>", mask_token="<mask>")
SIZES = dict(hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, initializer_range=SPREAD)
# With prefixes and without; the last two are of a scheme with more of them.
ENTITIES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC", "E-ORG", "S-ORG"]
ENCODERS = {
    "ranker-roberta": {},
    "ranker-logits": dict(activation_fn=torch.nn.Identity(), prompts={"query": "query: "}, default_prompt_name="query"),
}
PROMPTS = {"query": "query: ", "passage": "  passage:", "none": ""}


class Maker:
    def __init__(self, directory, tokenizers):
        self.directory = Path(directory)
        self.tokenizers = Path(tokenizers)

    def source(self, name):
        return self.directory / "source" / name

    def tokenizer(self, family):
        roberta = family == "roberta"
        names = {"roberta": "roberta-bpe", "cased": "wordpiece-cased"}
        path = self.tokenizers / names.get(family, "wordpiece-uncased") / "tokenizer.json"
        special = ROBERTA if roberta else BERT
        return PreTrainedTokenizerFast(tokenizer_file=str(path), model_max_length=POSITIONS, **special)

    def transformer(self, name, kind, family="bert", **settings):
        """A model of transformers, saved with its tokenizer."""
        torch.manual_seed(len(name))
        tokenizer = self.tokenizer(family)
        common = dict(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **settings)
        if family == "roberta":
            config = RobertaConfig(**SIZES, **common, max_position_embeddings=POSITIONS + 2, type_vocab_size=1)
        elif family == "distilbert":
            sizes = dict(dim=WIDTH, n_layers=2, n_heads=4, hidden_dim=64, initializer_range=SPREAD)
            config = DistilBertConfig(**sizes, **common, max_position_embeddings=POSITIONS)
        else:
            config = BertConfig(**SIZES, **common, max_position_embeddings=POSITIONS)
        kind(config).eval().save_pretrained(self.source(name))
        tokenizer.save_pretrained(self.source(name))
        return tokenizer

    def embedder(self, name, family, modules, kind=BertModel, **settings):
        """A SentenceTransformer of these modules behind a transformer."""
        self.transformer(f"{name}-base", kind, family)
        torch.manual_seed(1)
        model = SentenceTransformer(modules=[Transformer(str(self.source(f"{name}-base"))), *modules], device="cpu", **settings)
        model.save(str(self.source(name)))

    def serve(self, name, model, tokenizer, outputs, more=""):
        """model.onnx of a module, beside the files that were saved with it. `more`: pillion.yaml."""
        version = self.directory / "served" / name / "1"
        shutil.copytree(self.source(name), version, ignore=shutil.ignore_patterns("*.safetensors", "*.md"))
        given = tokenizer(["a text", "one more text"], ["and", "a second"], padding=True, return_tensors="pt")
        names = [each for each in ("input_ids", "attention_mask", "token_type_ids") if each in given and model.takes(each)]
        axes = {each: {0: "batch", 1: "sequence"} for each in names}
        for output, rank in outputs.items():
            axes[output] = {0: "batch"} if rank == 2 else {0: "batch", 1: "sequence"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model.eval(),
                tuple(given[each] for each in names),
                str(version / "model.onnx"),
                input_names=names,
                output_names=list(outputs),
                dynamic_axes=axes,
                opset_version=17,
                dynamo=False,
            )
        if more:
            (version / "pillion.yaml").write_text(more)


class Graph(torch.nn.Module):
    """A model of transformers whose inputs come by place, and of whose outputs one is given."""

    def __init__(self, model, output):
        super().__init__()
        self.model, self.output = model, output
        self.model.config._attn_implementation = "eager"
        self.names = ["input_ids", "attention_mask", "token_type_ids"]

    def takes(self, name):
        return name != "token_type_ids" or self.model.config.model_type == "bert"

    def forward(self, *inputs):
        return self.model(**dict(zip(self.names, inputs)))[self.output]


class Embeddings(torch.nn.Module):
    """All of a SentenceTransformer: its output is the embedding."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def takes(self, name):
        return True

    def forward(self, *inputs):
        names = ["input_ids", "attention_mask", "token_type_ids"]
        return self.model(dict(zip(names, inputs)))["sentence_embedding"]


def classifiers(maker):
    """(name, class, tokenizer, settings of config.json, pillion.yaml)"""
    labels = lambda *names: dict(id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)})
    as_classes = "text: {task: classification}\n"
    bert, roberta, distil = BertForSequenceClassification, RobertaForSequenceClassification, DistilBertForSequenceClassification
    return [
        ("two", bert, "bert", {}, ""),
        ("three", bert, "bert", labels("negative", "neutral", "positive"), ""),
        ("several", bert, "bert", dict(**labels("a", "b", "c", "d"), problem_type="multi_label_classification"), ""),
        ("one", bert, "bert", dict(num_labels=1), as_classes),
        ("regression", bert, "bert", dict(num_labels=1, problem_type="regression"), as_classes),
        ("distil", distil, "distilbert", labels("no", "yes"), ""),
        ("inference", roberta, "roberta", labels("contradiction", "entailment", "neutral"), ""),
        ("ranker", bert, "bert", dict(num_labels=1), ""),
        ("ranker-roberta", roberta, "roberta", dict(num_labels=1), ""),
        ("ranker-logits", bert, "bert", dict(num_labels=1), ""),
    ]


def make_transformers(maker):
    for name, kind, family, settings, more in classifiers(maker):
        tokenizer = maker.transformer(name, kind, family, **settings)
        if name in ENCODERS:
            # As the library saves it: with modules.json.
            encoder = CrossEncoder(str(maker.source(name)), device="cpu", **ENCODERS[name])
            shutil.rmtree(maker.source(name))
            encoder.save_pretrained(str(maker.source(name)))
        maker.serve(name, Graph(kind.from_pretrained(maker.source(name)), "logits"), tokenizer, {"logits": 2}, more)
    entities = dict(id2label=dict(enumerate(ENTITIES)), label2id={name: i for i, name in enumerate(ENTITIES)})
    for name, kind, family in [
        ("entities", BertForTokenClassification, "cased"),
        ("entities-roberta", RobertaForTokenClassification, "roberta"),
    ]:
        for suffix, more in [("", ""), ("-single", "text: {aggregation: none}\n")]:
            tokenizer = maker.transformer(name + suffix, kind, family, **entities)
            model = Graph(kind.from_pretrained(maker.source(name + suffix)), "logits")
            maker.serve(name + suffix, model, tokenizer, {"logits": 3}, more)
    for name, kind, family in [("mask", BertForMaskedLM, "bert"), ("mask-roberta", RobertaForMaskedLM, "roberta")]:
        tokenizer = maker.transformer(name, kind, family)
        maker.serve(name, Graph(kind.from_pretrained(maker.source(name)), "logits"), tokenizer, {"logits": 3})


def make_embedders(maker):
    pool = lambda mode, **more: Pooling(WIDTH, pooling_mode=mode, **more)
    dense = Dense(WIDTH, 8)
    for name, family, kind, modules, settings, is_whole in [
        ("mean", "bert", BertModel, [pool("mean"), Normalize()], {}, False),
        ("cls", "bert", BertModel, [pool("cls")], {}, False),
        ("max", "distilbert", DistilBertModel, [pool("max"), Normalize()], {}, False),
        ("last", "bert", BertModel, [pool("lasttoken")], {}, False),
        ("mean-roberta", "roberta", RobertaModel, [pool("mean")], {}, False),
        ("prompts", "bert", BertModel, [pool("mean"), Normalize()], dict(prompts=PROMPTS, default_prompt_name="query"), False),
        ("prompts-roberta", "roberta", RobertaModel, [pool("mean")], dict(prompts=PROMPTS), False),
        ("whole", "bert", BertModel, [pool("mean"), dense, Normalize()], {}, True),
        ("dense", "bert", BertModel, [pool("mean"), dense], {}, False),
        ("weighted", "bert", BertModel, [pool("weightedmean")], {}, False),
        ("two-poolings", "bert", BertModel, [pool(["cls", "mean"])], {}, False),
        ("without-prompt", "bert", BertModel, [pool("mean", include_prompt=False)], dict(prompts=PROMPTS), False),
    ]:
        maker.embedder(name, family, modules, kind, **settings)
        if is_whole:
            model = SentenceTransformer(str(maker.source(name)), device="cpu", model_kwargs={"attn_implementation": "eager"})
            maker.serve(name, Embeddings(model), maker.tokenizer(family), {"sentence_embedding": 2})
        else:
            graph = Graph(kind.from_pretrained(maker.source(name)), "last_hidden_state")
            maker.serve(name, graph, maker.tokenizer(family), {"last_hidden_state": 3})


def make_models(directory, tokenizers):
    maker = Maker(directory, tokenizers)
    make_transformers(maker)
    make_embedders(maker)


if __name__ == "__main__":
    make_models(*sys.argv[1:])
