"""BEIR's loader reads our folder: texts, positives with their grades, negatives with grade 0."""

from importlib.metadata import version

from beir.datasets.data_loader import GenericDataLoader
from claims import FOLDER, check, tell


def joined(passage):
    """Title and text, as they were encoded."""
    return f"{passage['title']} {passage['text']}".strip()


corpus, queries, qrels = GenericDataLoader(str(FOLDER / "beir")).load(split="train")
for query, judged in qrels.items():
    sides = [[joined(corpus[name]) for name, grade in judged.items() if (grade > 0) == relevant] for relevant in (True, False)]
    check(queries[query], *sides)
tell(
    version=version("beir"),
    passages=len(corpus),
    queries=len(queries),
    judgements=sum(map(len, qrels.values())),
    negatives=sum(grade == 0 for judged in qrels.values() for grade in judged.values()),
)
