"""What a real loader makes of training files: python load.py CONSUMER MODEL, a path and a format per line; one JSON line answers each.

A file is right for a loader when it reads it, when every batch is made, and when each text arrives in the role its first letter says.
Runs in the consumer's environment and imports nothing of Hardneg.
"""

import json
import math
import random
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

BATCH, GROUP, TRIES = 3, 8, 4


def right(query, positives, negatives):
    """Every text is there and has its role."""
    for role, texts in (("Q", [query]), ("P", positives), ("N", negatives)):
        assert texts, f"no text in the role {role}"
        for text in texts:
            assert str(strings([text])[0]).strip().startswith(f"{role} "), f"{text!r} is taken for {role}"


def finite(scores):
    """Numbers that can be learned from."""
    for score in scores:
        assert isinstance(score, int | float), f"{score!r} is no number"
        assert math.isfinite(score), f"{score!r} is no number to learn from"


def strings(texts):
    """What a tokenizer takes."""
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"a tokenizer does not take {text!r}")
    return texts


def batches(rows):
    """Lists of rows, as a data loader makes them."""
    every = [rows[i] for i in range(len(rows))]
    return [every[start : start + BATCH] for start in range(0, len(every), BATCH)]


def json_rows(path, cache):
    """A file as `datasets` loads it."""
    from datasets import load_dataset

    return load_dataset("json", data_files=str(path), split="train", cache_dir=str(cache))


def sentence_transformers(path, shape, cache, model):
    """The rows through the trainer's own collators."""
    from sentence_transformers.cross_encoder.data_collator import CrossEncoderDataCollator
    from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator

    rows = json_rows(path, cache)
    taken = []

    def preprocess(inputs, **_):
        taken.append(strings(inputs))
        return {}

    for batch in batches(rows):
        taken.clear()
        if shape == "labeled-list":
            made = CrossEncoderDataCollator(None)(batch)
            labels = [label.tolist() for label in made.pop("label")]
            assert len(made) == 2, f"two columns beside the labels are needed, not {list(made)}"
            for query, passages, marks in zip(*made.values(), labels, strict=True):
                told = list(zip(strings(passages), marks, strict=True))
                right(query, [text for text, mark in told if mark], [text for text, mark in told if not mark])
            continue
        made = SentenceTransformerDataCollator(preprocess)(batch)
        _columns(taken, shape, made.get("label"))


def _columns(taken, shape, labels):
    queries, positives, *others = taken
    if shape == "labeled-pair":
        assert not others, "a pair is needed"
        assert labels is not None, "a label is needed"
        for query, text, label in zip(queries, positives, labels.tolist(), strict=True):
            finite([label])
            right(query, [text] if label else ["P -"], ["N -"] if label else [text])
        return
    for place, query in enumerate(queries):
        right(query, [positives[place]], [column[place] for column in others])
    if labels is not None and labels.ndim == 2:
        assert labels.shape[1] == len(taken) - 1, "a score for every passage is needed"
        finite(labels.flatten().tolist())


def flagembedding(path, shape, cache, model):
    """Its training dataset and collator, with knowledge distillation where there are scores."""
    from FlagEmbedding.abc.finetune.embedder import AbsEmbedderCollator, AbsEmbedderDataArguments, AbsEmbedderTrainDataset

    arguments = AbsEmbedderDataArguments(
        train_data=[str(path)], cache_path=str(cache), train_group_size=GROUP, knowledge_distillation=shape.endswith("scores")
    )
    rows = AbsEmbedderTrainDataset(arguments, None)
    for _ in range(TRIES):
        for query, passages, scores in (rows[i] for i in range(len(rows))):
            right(*strings([query]), strings(passages)[:1], passages[1:])
            finite(scores or ())
    assert callable(AbsEmbedderCollator)


def pylate(path, shape, cache, model):
    """Contrastive training reads triplets and n-tuples by position; distillation reads its folder."""
    from datasets import load_dataset
    from pylate import utils

    if shape == "pylate":
        files = [
            load_dataset("parquet", data_files=str(path / f"{name}.parquet"), split="train", cache_dir=str(cache))
            for name in ("train", "queries", "documents")
        ]
        files[0].set_transform(utils.KDProcessing(*files[1:]).transform)
        rows = [files[0][i] for i in range(len(files[0]))]
        for row in rows:
            right(row["query"], row["documents"][:1], row["documents"][1:])
            finite(row["scores"])
            assert len(row["scores"]) == len(row["documents"]), "the loss needs a score for every document"
    else:
        rows = json_rows(path, cache)
    taken = []

    def tokenize(texts, **_):
        taken.append(strings(texts))
        return {}

    for batch in batches(rows):
        taken.clear()
        utils.ColBERTCollator(tokenize)(batch)
        if shape == "pylate":
            assert [texts[0][0] for texts in taken] == ["Q", "P"], "the loss takes the first two columns for queries and documents"
        else:
            _columns(taken, "triplet", None)


def tevatron(path, shape, cache, model):
    """Its preprocessor and training dataset; a text stands for its own tokens."""
    from tevatron.data import TrainDataset
    from tevatron.datasets import TrainPreProcessor

    def encode(text, **_):
        return strings([text])

    tokenizer = SimpleNamespace(encode=encode, encode_plus=lambda tokens, **_: tokens)
    rows = json_rows(path, cache)
    rows = rows.map(TrainPreProcessor(tokenizer), remove_columns=rows.column_names, load_from_cache_file=False)
    arguments = SimpleNamespace(
        train_n_passages=GROUP, positive_passage_no_shuffle=False, negative_passage_no_shuffle=False, q_max_len=64, p_max_len=64
    )
    trainer = SimpleNamespace(state=SimpleNamespace(epoch=0), args=SimpleNamespace(seed=1))
    made = TrainDataset(arguments, rows, tokenizer, trainer)
    for epoch in range(TRIES):
        trainer.state.epoch = epoch
        for query, passages in (made[i] for i in range(len(made))):
            right(query[0], [passages[0][0]], [each[0] for each in passages[1:]])


def nemo(path, shape, cache, model):
    """Its retrieval dataset over the folder."""
    from nemo_automodel.components.datasets.llm.retrieval_dataset import make_retrieval_dataset

    for row in make_retrieval_dataset(str(path / "train.json"), n_passages=GROUP):
        right(*strings([row["question"]]), strings(row["doc_text"])[:1], row["doc_text"][1:])


def ms_swift(path, shape, cache, model):
    """Its dataset loader."""
    from swift.dataset import load_dataset

    rows, _ = load_dataset([str(path)], split_dataset_ratio=0.0, strict=True)
    for row in rows:
        texts = [[message[0]["content"] for message in row[name]] for name in ("positive_messages", "negative_messages")]
        right(row["messages"][0]["content"], *map(strings, texts))


LOADERS = {each.__name__: each for each in (sentence_transformers, flagembedding, pylate, tevatron, nemo, ms_swift)}


def verdict(consumer, path, shape, cache, model=""):
    """None where the loader takes the file rightly, else what went wrong."""
    random.seed(1)
    try:
        LOADERS[consumer](Path(path), shape, cache, model)
    except Exception as error:  # noqa: BLE001 - whatever a loader dies of is what we want to know
        return f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
    return None


def main():
    """A verdict for each line."""
    consumer, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    for line in sys.stdin:
        path, shape = json.loads(line)
        with tempfile.TemporaryDirectory() as cache:
            print(f"VERDICT {json.dumps([path, verdict(consumer, path, shape, cache, model)])}", flush=True)


if __name__ == "__main__":
    main()
