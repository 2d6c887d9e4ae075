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
