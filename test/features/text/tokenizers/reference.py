"""PyPI's tokenizers as the reference of the other bindings.

    reference.py train DIRECTORY CHARSMAP_OF NAME...   writes DIRECTORY/NAME/tokenizer.json
    reference.py encode TEXTS OUT TOKENIZER...         encodes the texts of a JSON list, one file OUT/N.bin for each

CHARSMAP_OF is a tokenizer.json with SentencePiece's table of characters; '' = there is none.

An element of TEXTS is a text, or a list of two. A file holds numbers of 32 bits, little-endian: for each text its count
of tokens, their ids, their types, and where each begins and ends, in characters.
"""

import base64
import json
import sys
import unicodedata
from array import array
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def corpus(end):
    """Lines for training: of the project's own pages, and of each letter up to this code point."""
    pages = sorted(Path("docs").rglob("*.md"))[:60]
    lines = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines() if line.strip()]
    letters = [chr(c) for c in range(0xA1, end) if unicodedata.category(chr(c))[0] in "LNS"]
    runs = ["".join(letters[i : i + 7]) for i in range(0, len(letters), 7)]
    return lines + runs[:6000]


EVERY_PLANE = 0x30000
# Unigram keeps each character that it has seen as a token.
FEW_LETTERS = 0x0F00


def pair(cls, sep, types=True):
    second = ":1" if types else ""
    return dict(single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B{second} {sep}{second}")


def with_template(tokenizer, cls, sep, types=True):
    ids = [(each, tokenizer.token_to_id(each)) for each in (cls, sep)]
    tokenizer.post_processor = processors.TemplateProcessing(**pair(cls, sep, types), special_tokens=ids)
    return tokenizer


def train(tokenizer, trainer, lines):
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def bert(lines, lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=6000, special_tokens=SPECIAL, show_progress=False)
    return with_template(train(tokenizer, trainer, lines), "[CLS]", "[SEP]")


def byte_level(lines, prefix):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=5000,
        special_tokens=ROBERTA,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return train(tokenizer, trainer, lines)


def gpt(lines):
    tokenizer = byte_level(lines, False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def roberta(lines):
    tokenizer = byte_level(lines, True)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    sep, cls = ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>"))
    tokenizer.post_processor = processors.RobertaProcessing(sep, cls, trim_offsets=True, add_prefix_space=True)
    return tokenizer


def unigram(lines, normalizer):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=9000, unk_token="<unk>", special_tokens=ROBERTA, show_progress=False
    )
    return with_template(train(tokenizer, trainer, lines), "<s>", "</s>", types=False)


def sentence_piece_bpe(lines):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=4000, special_tokens=["<unk>", "<s>", "</s>", *byte_tokens], show_progress=False
    )
    # Without words, merges reach over spaces: short pieces keep the training small.
    tokenizer = train(tokenizer, trainer, [line[i : i + 40] for line in lines for i in range(0, len(line), 40)][:4000])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return tokenizer


def word_level(lines):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents(), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s+|\p{Sc}"), behavior="removed"),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    trainer = trainers.WordLevelTrainer(vocab_size=8000, special_tokens=SPECIAL, show_progress=False)
    return with_template(train(tokenizer, trainer, lines), "[CLS]", "[SEP]")


def train_all(directory, charsmap_of, names):
    lines, few = corpus(EVERY_PLANE), corpus(FEW_LETTERS)
    nfkc = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    trainings = {
        "wordpiece-uncased": lambda: bert(lines, True),
        "wordpiece-cased": lambda: bert(lines, False),
        "byte-level-bpe": lambda: gpt(lines),
        "roberta-bpe": lambda: roberta(lines),
        "unigram-nfkc": lambda: unigram(few, nfkc),
        "unigram-precompiled": lambda: unigram(few, precompiled(charsmap_of)),
        "sentencepiece-bpe": lambda: sentence_piece_bpe(lines),
        "word-level": lambda: word_level(lines),
    }
    for name in names:
        target = Path(directory) / name
        target.mkdir(parents=True, exist_ok=True)
        trainings[name]().save(str(target / "tokenizer.json"))


def precompiled(path):
    """The table of characters of SentencePiece's nmt_nfkc, as a tokenizer.json has it."""
    charsmap = json.loads(Path(path).read_text(encoding="utf-8"))["normalizer"]["precompiled_charsmap"]
    return normalizers.Precompiled(base64.b64decode(charsmap))


def encode_all(texts_path, out, paths):
    texts = json.loads(Path(texts_path).read_text(encoding="utf-8"))
    for number, path in enumerate(paths):
        tokenizer = Tokenizer.from_file(path)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        numbers = array("I")
        for text in texts:
            encoding = tokenizer.encode(*text) if isinstance(text, list) else tokenizer.encode(text)
            numbers.append(len(encoding.ids))
            numbers.extend(encoding.ids)
            numbers.extend(encoding.type_ids)
            for begin, end in encoding.offsets:
                numbers.append(begin)
                numbers.append(end)
        (Path(out) / f"{number}.bin").write_bytes(numbers.tobytes())


command, *rest = sys.argv[1:]
if command == "train":
    train_all(rest[0], rest[1], rest[2:])
elif command == "encode":
    encode_all(rest[0], rest[1], rest[2:])
else:
    sys.exit(__doc__)
