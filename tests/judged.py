"""A small set with a judge: 30 passages, 6 queries with two positives each, and what a tiny cross-encoder scores."""

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.judges.cross_encoder import load_cross_encoder
from miner.judges.judge_parts import CrossEncoderPart
from miner.read import read_inline

RULE = "margin:by=cross-encoder,absolute=-0.2"
OFF = ("near_positive:off", "nearest:off", "margin:off")


def small(folder):
    """The set: texts of the tiny model's words."""
    rng = np.random.default_rng(4)
    passages = [{"id": f"p{i}", "text": " ".join(f"w{j}" for j in rng.integers(0, 60, 6))} for i in range(30)]
    queries = [{"id": f"q{i}", "text": f"w{i} w{i + 7} w{i + 9}", "positives": [f"p{i}", f"p{i + 10}"]} for i in range(6)]
    return read_inline(queries, passages, folder)


def config_of(model, cross="", knobs="", **more):
    judges = (f"cross-encoder:model={cross}{knobs}",) if cross else ()
    base = {"model": str(model), "depth": 12, "max_depth": 30, "negatives": 3, "columns": ("ids", "scores"), "output_format": "n-tuple"}
    return MiningConfig.of(**{**base, "judges": judges, "filters": (*OFF, *([RULE] if cross else ())), **more})


def scores_of(cross, dataset):
    """{(query id, passage id): score} of all pairs, by the model itself."""
    judge = load_cross_encoder(CrossEncoderPart(model=cross), Runtime.of(device="cpu"))
    ids = [(query, passage) for query in range(len(dataset.queries)) for passage in range(len(dataset.corpus))]
    queries, passages = dataset.queries.texts(np.arange(len(dataset.queries))), dataset.corpus.texts(np.arange(len(dataset.corpus)))
    values = judge.score([queries[query] for query, _ in ids], [passages[passage] for _, passage in ids])
    names = dataset.queries.ids(np.arange(len(dataset.queries))), dataset.corpus.ids(np.arange(len(dataset.corpus)))
    return {(names[0][query], names[1][passage]): float(value) for (query, passage), value in zip(ids, values, strict=True)}
