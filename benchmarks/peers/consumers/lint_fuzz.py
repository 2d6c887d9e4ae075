"""Spoilt training files, each judged by the linter and by a real loader: both must say the same, but for the exceptions that are named.

python -m benchmarks.peers.consumers.lint_fuzz --python flagembedding=ENV/bin/python [--python …] [--files 60] [--seed 0]

sentence_transformers runs in this environment where no other is named. A consumer without an environment is left out, and said to be.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peers.consumers.exceptions import KINDS, LENIENT, STRICTER
from benchmarks.peers.consumers.mutations import CONSUMERS, FORMAT, NEGATIVES, ROWS, draft_of, n, p, q
from benchmarks.record import ROOT, record
from miner.errors import HardnegError
from miner.lint import lint

HERE = Path(__file__).parent


def write(name, seed, folder):
    """One spoilt file, and how it was spoilt; None where a column of Parquet cannot hold it."""
    draft, ways = draft_of(name, seed)
    place = folder / f"{name}-{seed}"
    if name in ("nemo", "pylate"):
        return (place, ways) if _folder(name, draft, place) else None
    path = place.with_suffix(".jsonl")
    path.write_bytes(draft.head + draft.line_end.join(draft.lines()) + draft.line_end + draft.tail)
    return path, ways


def _folder(name, draft, place):
    place.mkdir()
    texts = [text for i in range(ROWS) for text in (p(i), *(n(i, j) for j in range(NEGATIVES)))]
    if name == "nemo":
        (place / "corpus").mkdir()
        rows = b",\n".join(draft.lines())
        (place / "train.json").write_bytes(draft.head + b'{"corpus":[{"path":"corpus"}],"data":[\n' + rows + b"\n]}\n" + draft.tail)
        (place / "corpus" / "merlin_metadata.json").write_text('{"corpus_id": "corpus", "class": "TextQADataset"}')
        pq.write_table(pa.table({"id": texts, "text": texts}), place / "corpus" / "train.parquet")
        return True
    try:
        pq.write_table(pa.Table.from_pylist(draft.rows), place / "train.parquet")
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return False
    queries = [q(i) for i in range(ROWS)]
    pq.write_table(pa.table({"query_id": queries, "text": queries}), place / "queries.parquet")
    pq.write_table(pa.table({"document_id": texts, "text": texts}), place / "documents.parquet")
    return True


def linted(path, name):
    """The rules it breaks; a file that cannot be read at all is refused."""
    try:
        return sorted({_kind(found) for found in lint(path, format=FORMAT.get(name, name)).findings})
    except HardnegError as error:
        return [f"refused: {error}"]


def _kind(found):
    """Its rule; of an unusable row the kind, where it is one that some loader lets pass."""
    kinds = [kind for said, kind in KINDS.items() if said in found.message]
    return kinds[0] if found.rule == "unusable" and kinds else found.rule


def named(consumer, rules, ways, why):
    """The exception a difference is, if it is one that we know."""
    if why is None:
        known = STRICTER["*"] | STRICTER.get(consumer, {})
        return all(rule in known for rule in rules)
    return any((consumer, way) in LENIENT for way in ways)


def compare(consumer, files, verdicts):
    """How often both say the same, which exceptions came up, and what is left to explain."""
    counts, left = Counter(), []
    for path, name, ways in files:
        rules, why = linted(path, name), verdicts[str(path)]
        if bool(rules) == (why is not None):
            counts["right" if why is None else "wrong"] += 1
        elif named(consumer, rules, ways, why):
            counts["exceptions"] += 1
        else:
            counts["unexplained"] += 1
            left.append({"file": path.name, "ways": ways, "lint": rules, "loader": why})
    return dict(counts), left


def ask(consumer, python, files, model):
    """What the loader says of each file."""
    asked = "".join(json.dumps([str(path), name]) + "\n" for path, name, _ in files)
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "OMP_NUM_THREADS": "1"}
    command = [python, str(HERE / "load.py"), consumer, model]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, env=environ)
    told = dict(json.loads(line.removeprefix("VERDICT ")) for line in done.stdout.splitlines() if line.startswith("VERDICT "))
    if len(told) < len(files):
        sys.exit(f"{consumer} judged {len(told)} of {len(files)} files: {done.stderr[-600:]}")
    return told


def main():
    """Write the files, ask both, compare; exit 1 where a difference has no name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", default=[], metavar="CONSUMER=PYTHON")
    parser.add_argument("--only", action="append", choices=CONSUMERS)
    parser.add_argument("--files", type=int, default=60, help="of every format, for every consumer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "lint_fuzz.json")
    args = parser.parse_args()
    pythons = {"sentence_transformers": sys.executable, **dict(each.split("=", 1) for each in args.python)}
    found = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        for consumer, names in CONSUMERS.items():
            if consumer not in (args.only or CONSUMERS):
                continue
            if consumer not in pythons:
                print(f"{consumer}: no environment, left out", flush=True)
                continue
            folder = Path(scratch) / consumer
            folder.mkdir()
            seeds = range(args.seed, args.seed + args.files)
            made = [(name, write(name, seed, folder)) for name in names for seed in seeds]
            files = [(each[0], name, each[1]) for name, each in made if each]
            counts, left = compare(consumer, files, ask(consumer, pythons[consumer], files, args.model))
            found[consumer] = {"files": len(files), **counts}
            print(json.dumps({consumer: found[consumer]}), *map(json.dumps, left), sep="\n", flush=True)
    record({"seed": args.seed, "files_of_each_format": args.files, "consumers": found}, args.out)
    sys.exit(any(each.get("unexplained") for each in found.values()))


if __name__ == "__main__":
    main()
