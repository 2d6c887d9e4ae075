"""Tokenizers made on the spot, for models of a few kilobytes."""

WORDS = [f"w{i}" for i in range(60)]
DIM = 8


def word_level():
    """A tokenizer of 60 words (w0 … w59), split at white space, lower case; it adds nothing."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, **{word: i + 1 for i, word in enumerate(WORDS)}}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    return tokenizer


def word_piece():
    """A lower-casing BERT tokenizer over letters, digits, marks and a few words."""
    from tokenizers import BertWordPieceTokenizer

    signs = [chr(code) for code in range(33, 127)]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *signs, *(f"##{sign}" for sign in signs), "the", "##ing"]
    return BertWordPieceTokenizer({word: i for i, word in enumerate(dict.fromkeys(vocab))}, lowercase=True)._tokenizer


def bare_model(folder, kind="BertModel", **config):
    """Path of a one-layer model of transformers, without modules.json: a class of Bert, GPT2, T5 or DPR by name."""
    import torch
    import transformers

    tokens = {name: f"[{name[:-6].upper()}]" for name in ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=word_piece(), model_max_length=16, **tokens)
    bert = {"hidden_size": DIM, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": DIM, "max_position_embeddings": 32}
    ends = {"bos_token_id": 2, "eos_token_id": 3}
    sizes = {
        "GPT2": {"n_embd": DIM, "n_layer": 1, "n_head": 1, "n_positions": 32, **ends},
        "T5": {"d_model": DIM, "d_kv": DIM, "d_ff": DIM, "num_layers": 1, "num_heads": 1},
    }
    made = getattr(transformers, kind)
    torch.manual_seed(0)
    known = sizes.get(next((name for name in sizes if kind.startswith(name)), ""), bert)
    made(made.config_class(vocab_size=len(tokenizer), **known, **config)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


OWN_CODE = """from sentence_transformers.sentence_transformer.modules import Normalize
from .number import FACTOR
class Own(Normalize):
    def forward(self, features, **options):
        features["sentence_embedding"] = FACTOR * features["sentence_embedding"]
        return features
"""


def model_with_code(model, folder):
    """Copy a model and add a module of its own, in two files, that doubles its vectors. Return what allows it."""
    import json
    import shutil

    from miner.encode.model_code import code_files, code_hash

    shutil.copytree(model, folder)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*modules, {"idx": 1, "name": "1", "path": "1_Own", "type": "own.Own"}]))
    (folder / "1_Own").mkdir()
    (folder / "own.py").write_text(OWN_CODE)
    (folder / "number.py").write_text("FACTOR = 2\n")
    return f"{folder}@{code_hash(code_files(folder))}"
