"""The tokens that a published package takes for parts of entities, by its own code and model.

    rampart.py PACKAGE_FOLDER < TEXTS.json > TOKENS.json        for each text [[label, score, first character, end], …]

The package's __init__ and names of entities want a library for its rules; its model does not.
"""

import importlib
import json
import sys
import types

package = types.ModuleType("rampart")
package.__path__ = [sys.argv[1]]
sys.modules["rampart"] = package
# It translates labels; they are taken as the model has them.
entities = types.ModuleType("rampart._entities")
entities.normalize_label = None
sys.modules["rampart._entities"] = entities
library = importlib.import_module("rampart._model")
model = library._load_model(library.ModelOptions(model_path=f"{sys.argv[1]}/models/rampart"))


def tokens_of(text):
    encoding = model.tokenizer.encode(text, add_special_tokens=False)
    found = library._classify_window(model, encoding.ids, encoding.offsets, 0, len(encoding.ids))
    return [[each.entity, each.score, each.start, each.end] for each in found if each.entity != "O"]


json.dump([tokens_of(text) for text in json.load(sys.stdin)], sys.stdout)
