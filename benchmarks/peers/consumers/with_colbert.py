"""ColBERT's own readers take our triples, queries and collection."""

from importlib.metadata import version

from claims import FOLDER, LINES, tell
from colbert.data import Collection, Queries
from colbert.data.examples import Examples

folder = FOLDER / "colbert"
queries, collection = Queries(path=str(folder / "queries.tsv")), Collection(path=str(folder / "collection.tsv"))
triples = Examples(path=str(folder / "triples.jsonl"), nway=2).tolist()


def untitled(text):
    """ColBERT says `title | text`; Hardneg joins them with a blank."""
    return " ".join(text.replace(" | ", " ").split())


known = {" ".join(query.split()): [{" ".join(text.split()) for text in side} for side in sides] for query, sides in LINES.items()}
for query, positive, negative in triples:
    right = known[" ".join(queries[query].split())]
    assert untitled(collection[positive]) in {untitled(text) for text in right[0]}, positive
    assert untitled(collection[negative]) in {untitled(text) for text in right[1]}, negative
tell(version=version("colbert-ai"), triples=len(triples), queries=len(queries), passages=len(collection))
