"""The nouns, with their shapes. Q queries, N passages, D dims, K candidates, P positives, M negatives, B a batch of anchors.

An *anchor* is what gets negatives of its own: a query, or a (query, positive) pair when each positive sets its own ceiling.
*Row* is a position, *id* the user's string; a score is higher when closer, always; a rank starts at 1.
Texts and datasets lie in files, so `miner.io` is imported; nothing else of ours is.
"""

from miner.types.arrays import Bools, Codes, Floats, Ints, Priority, Rows, Side, Similarity
from miner.types.candidates import Block, Candidates, JudgeScores, Negatives, noise_floors, weakest_positive_scores
from miner.types.column_roles import OTHER, columns_line, unread_judgements
from miner.types.dataset import KNOWN_FROM, SAME_QUESTIONS_FILE, Dataset
from miner.types.descriptions import (
    BM25Description,
    CodeDescription,
    JudgeDescription,
    ModelDescription,
    RecallFields,
    Relaxation,
    RetrievalMetadata,
    RetrievalSection,
    SourceDescription,
)
from miner.types.memory_texts import ExtendedTexts, MemoryTexts
from miner.types.protocols import (
    Ceiling,
    Evidence,
    Filter,
    Noise,
    Progress,
    RankWindow,
    Sampler,
    SearchResult,
    Source,
    SourceVote,
    TextChange,
    Variation,
    Vectors,
)
from miner.types.qrels import Lost, Qrels, SameQuestions
from miner.types.texts import BATCH_ROWS, FEW_ROWS, TEXTS_SCHEMA, Texts, join_title

# fmt: off
__all__ = [
    "BATCH_ROWS",
    "FEW_ROWS",
    "KNOWN_FROM",
    "OTHER",
    "SAME_QUESTIONS_FILE",
    "TEXTS_SCHEMA",
    "BM25Description",
    "Block",
    "Bools",
    "Candidates",
    "Ceiling",
    "CodeDescription",
    "Codes",
    "Dataset",
    "Evidence",
    "ExtendedTexts",
    "Filter",
    "Floats",
    "Ints",
    "JudgeDescription",
    "JudgeScores",
    "Lost",
    "MemoryTexts",
    "ModelDescription",
    "Negatives",
    "Noise",
    "Priority",
    "Progress",
    "Qrels",
    "RankWindow",
    "RecallFields",
    "Relaxation",
    "RetrievalMetadata",
    "RetrievalSection",
    "Rows",
    "SameQuestions",
    "Sampler",
    "SearchResult",
    "Side",
    "Similarity",
    "Source",
    "SourceDescription",
    "SourceVote",
    "TextChange",
    "Texts",
    "Variation",
    "Vectors",
    "columns_line",
    "join_title",
    "noise_floors",
    "unread_judgements",
    "weakest_positive_scores",
]
