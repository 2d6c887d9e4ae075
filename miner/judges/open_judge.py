"""Opens a judge: loads its model, and its store. Owns no choice of pairs."""

from __future__ import annotations

from typing import Any

from miner.encode import StoredVectors, check_encoder, load_encoder
from miner.judges.bi_encoder import BiEncoderJudge
from miner.judges.cross_encoder import check_cross_encoder, load_cross_encoder
from miner.judges.judge_parts import BiEncoderPart, CrossEncoderPart, JudgePart
from miner.judges.stored_scores import Judge, StoredScores
from miner.types import Progress


def check_judge(part: JudgePart, config: Any, runtime: Any) -> None:
    """Raise the errors of `open_judge` that can be found without loading anything. config: a MiningConfig, whose model is replaced."""
    allow_code = runtime.allow_code if runtime else ()
    if isinstance(part, CrossEncoderPart):
        check_cross_encoder(part, allow_code)
    elif isinstance(part, BiEncoderPart):
        check_encoder(config.model_copy(update=part.settings()), allow_code)


def open_judge(part: JudgePart, config: Any, runtime: Any, on_progress: Progress | None = None, model: Any = None) -> Judge:
    """The judge, ready to score. model: a loaded CrossEncoder or SentenceTransformer in place of the one that the part names."""
    if isinstance(part, CrossEncoderPart):
        return StoredScores(load_cross_encoder(part, runtime, model), runtime.cache, on_progress)
    assert isinstance(part, BiEncoderPart)
    encoder = load_encoder(config.model_copy(update=part.settings()), runtime, model)
    return BiEncoderJudge(StoredVectors(encoder, runtime.cache, on_progress), part)
