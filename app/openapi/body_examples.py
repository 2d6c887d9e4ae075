"""A valid example of each request body, for the OpenAPI document. The tests check that each is accepted."""

from __future__ import annotations

from typing import Any

FILE, OTHER_FILE = "file_019a3f5be2c09c4e1d7a60f2b815", "file_019a3f5be2c41b8d03e97f44a6c2"
JOB = "job_019a3f5c0b7e55d2c6183ab94f07"

JsonObject = dict[str, Any]
"""A part of an OpenAPI document."""

EXAMPLES: dict[str, JsonObject] = {
    "MineRequest": {
        "config": {"negatives": 1},
        "queries": [{"id": "q1", "text": "how do I boil an egg", "positives": ["p1"]}],
        "passages": [
            {"id": "p1", "text": "Put the egg into boiling water for six minutes."},
            {"id": "p2", "text": "Scramble the eggs in a hot pan."},
            {"id": "p3", "text": "The tower was built in 1889."},
        ],
    },
    "CorpusRequest": {"name": "wiki-2026", "files": [FILE]},
    "CorpusAppend": {"files": [OTHER_FILE]},
    "MineJob": {
        "kind": "mine",
        "inputs": {"corpus": "wiki-2026", "queries": FILE, "qrels": [OTHER_FILE]},
        "config": {"negatives": 4, "output_format": "n-tuple"},
        "file_kind": "jsonl.zst",
    },
    "ReviewRequest": {"verdicts": [{"query_id": "q1", "passage_id": "p2", "verdict": "false_negative"}]},
    "ExportJob": {"kind": "export", "job": JOB, "config": {"filters": ["margin:relative=0.1"], "negatives": 8}},
}

PROBLEM: JsonObject = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "/queries/0/text: Input should be a valid string",
    "errors": [{"pointer": "/queries/0/text", "detail": "Input should be a valid string"}],
}
